"""Poses of those who do not plainly stand: by a model for crops, or by a detector that gives them itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.detector import Detector
from inference.manifest import ModelEntry, ModelInput
from inference.persons import PersonDetector
from inference.poses import PoseEstimator
from inference.recognisers.falls import FallRecogniser
from inference.session import open_session
from tests.support.tiny_onnx import write_constant

STANDS, LIES = (20.0, 40.0, 20.0, 60.0), (64.0, 90.0, 60.0, 20.0)
"""Centre, width and height."""
PICTURE = np.zeros((128, 128, 3), np.uint8)


def entry(name: str, decoder: str, side: int) -> ModelEntry:
    return ModelEntry(
        name, f"{name}.onnx", "any", decoder, ModelInput((1, 3, side, side), "stretch", "RGB", 0.0, 1.0),
        (None,), "MIT", 1, "0" * 64, "tests", ("person",),
    )  # fmt: skip


def detector(folder: Path, decoder: str) -> PersonDetector:
    """Sees one who stands and one who lies; with `yolov8_pose` all points of whom are at (7, 9)."""
    points = 51 if decoder == "yolov8_pose" else 0
    columns = np.zeros((1, 5 + points, 100), np.float32)
    columns[0, :5, 0], columns[0, :5, 1] = (*STANDS, 0.9), (*LIES, 0.6)
    columns[0, 5:, :2] = np.tile([7.0, 9.0, 0.8], points // 3)[:, None]
    path = write_constant(folder / "persons.onnx", [1, 3, 128, 128], [columns])
    session = open_session(path, gpu=None, threads=1)
    found = Detector(session, entry("persons", decoder, 128), least_score=0.1, labels=())
    return PersonDetector(found)


def estimator(folder: Path) -> PoseEstimator:
    """Sees every point in the middle of the crop."""
    path = write_constant(folder / "poses.onnx", [1, 3, 64, 64], [np.full((1, 1, 17, 3), 0.5, np.float32)])
    return PoseEstimator(open_session(path, gpu=None, threads=1), entry("poses", "movenet", 64))


def test_the_pose_of_who_lies_is_looked_for(tmp_path: Path) -> None:
    recogniser = FallRecogniser(detector(tmp_path, "yolov8"), estimator(tmp_path))
    ((standing, lying),) = recogniser.recognise([PICTURE])
    assert standing.keypoints is None
    assert lying.keypoints is not None
    assert len(lying.keypoints) == 17
    assert lying.keypoints[0] == pytest.approx((*LIES[:2], 0.5), abs=1.0)
    assert recogniser.model == "persons+poses"


@pytest.mark.parametrize("has_estimator", [False, True])
def test_the_points_of_a_detector_are_kept(tmp_path: Path, has_estimator: bool) -> None:
    recogniser = FallRecogniser(detector(tmp_path, "yolov8_pose"), estimator(tmp_path) if has_estimator else None)
    ((standing, lying),) = recogniser.recognise([PICTURE])
    for person in (standing, lying):
        assert person.keypoints is not None
        np.testing.assert_allclose(person.keypoints, [(7, 9, 0.8)] * 17, rtol=1e-5)


def test_without_any_pose_boxes_must_do(tmp_path: Path) -> None:
    ((standing, lying),) = FallRecogniser(detector(tmp_path, "yolov8")).recognise([PICTURE])
    assert (standing.keypoints, lying.keypoints) == (None, None)
