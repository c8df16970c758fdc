"""Decoders and preprocessing on the real files of the catalogue, beside slow ones written from their descriptions."""

from __future__ import annotations

import math
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.cli.media_files import read_picture
from core.types import Box, Picture
from inference.catalogue import ModelStore
from inference.detector import build_detector
from inference.embedder import build_embedder
from inference.persons import build_person_detector
from inference.poses import build_pose_estimator
from inference.session import open_session

pytestmark = pytest.mark.data

LEAST = 0.3


@pytest.fixture(scope="module")
def store(shared_data: Path) -> ModelStore:
    return ModelStore(shared_data / "models")


@pytest.fixture(scope="module")
def street(shared_data: Path) -> Picture:
    """12 to 16 walkers."""
    with av.open(str(shared_data / "videos" / "street-walkers.mp4")) as container:
        return bgr(next(container.decode(video=0)))


def bgr(frame: av.VideoFrame) -> Picture:
    return frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)


def slow_yolox(path: Path, picture: Picture, side: int) -> list[tuple[Box, float]]:
    """Persons cell by cell: letterbox in the top left corner, BGR 0 to 255, greedy suppression."""
    height, width = picture.shape[:2]
    scale = min(side / width, side / height)
    canvas = np.full((side, side, 3), 114, np.uint8)
    small = cv2.resize(picture, (round(width * scale), round(height * scale)))
    canvas[: small.shape[0], : small.shape[1]] = small
    session = open_session(path, gpu=None, threads=1)
    rows = session.run(canvas.transpose(2, 0, 1)[None].astype(np.float32))[0][0].tolist()
    grid = [(x, y, s) for s in (8, 16, 32) for y in range(side // s) for x in range(side // s)]
    found: list[tuple[Box, float]] = []
    for (column, row, stride), (x, y, w, h, objectness, *classes) in zip(grid, rows, strict=True):
        score = objectness * classes[0]
        if score < LEAST or classes[0] < max(classes):
            continue
        cx, cy = (x + column) * stride / scale, (y + row) * stride / scale
        half_w, half_h = math.exp(w) * stride / scale / 2, math.exp(h) * stride / scale / 2
        box = (max(cx - half_w, 0), max(cy - half_h, 0), min(cx + half_w, width), min(cy + half_h, height))
        found.append((box, score))
    kept: list[tuple[Box, float]] = []
    for box, score in sorted(found, key=lambda one: -one[1]):
        if all(overlap(box, other) <= 0.5 for other, _ in kept):
            kept.append((box, score))
    return kept


@pytest.mark.parametrize(
    ("name", "side"),
    [pytest.param("yolox_nano_416", 416, id="coco"), pytest.param("light_person_detector_192", 192, id="one class")],
)
def test_yolox_gives_the_boxes_of_the_slow_decoder(store: ModelStore, street: Picture, name: str, side: int) -> None:
    detector = build_detector(store, store.entry(name), gpu=None, threads=1, least_score=LEAST, labels=("person",))
    (found,) = detector.detect([street])
    expected = slow_yolox(store.path_of(name), street, side)
    assert expected
    assert len(found) == len(expected)
    for detection, (box, score) in zip(found, expected, strict=True):
        np.testing.assert_allclose(detection.box, box, atol=1.0)
        assert detection.score == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("name", ["nanodet_m_320", "fastestdet_352"])
def test_small_detectors_see_the_walker_that_yolox_sees(store: ModelStore, shared_data: Path, name: str) -> None:
    """Another network's boxes are no reference to the pixel, but a wrong grid, scale or colour would miss them all."""
    pictures = []
    with av.open(str(shared_data / "falls" / "fall-01.mp4")) as container:
        pictures = [bgr(frame) for frame in container.decode(video=0)][:60:6]
    boxes = []
    for model in (name, "yolox_nano_416"):
        detector = build_detector(store, store.entry(model), gpu=None, threads=1, labels=("person",), least_score=0.4)
        boxes.append([found[0].box if found else (0.0, 0.0, 0.0, 0.0) for found in detector.detect(pictures)])
    overlaps = [overlap(a, b) for a, b in zip(*boxes, strict=True)]
    assert float(np.median(overlaps)) > 0.7, overlaps


def test_a_batch_of_different_sizes_is_what_each_picture_gives_alone(store: ModelStore, street: Picture) -> None:
    detector = build_person_detector(store, "falls", gpu=None, threads=1)
    pictures = [street, street[:200], cv2.resize(street, None, fx=0.5, fy=0.7).astype(np.uint8)]
    assert detector.detect(pictures) == [detector.detect([picture])[0] for picture in pictures]
    assert detector.detect([]) == []


def test_a_standing_persons_pose_is_the_right_way_up_and_within_the_box(store: ModelStore, shared_data: Path) -> None:
    with av.open(str(shared_data / "falls" / "fall-01.mp4")) as container:
        picture = bgr(next(container.decode(video=0)))
    (persons,) = build_person_detector(store, "falls", gpu=None, threads=1).detect([picture])
    box = persons[0].box
    poses = build_pose_estimator(store, "falls", gpu=None, threads=1).estimate([picture, picture], [[box], []])
    assert [len(poses[0]), len(poses[1])] == [1, 0]
    points = poses[0][0]
    nose, hips, ankles = points[0], points[11:13].mean(axis=0), points[15:17].mean(axis=0)
    assert nose[1] < hips[1] < ankles[1]
    assert box[1] - 5 < nose[1] < box[1] + 0.25 * (box[3] - box[1])
    assert box[3] - 0.2 * (box[3] - box[1]) < ankles[1] < box[3] + 8
    assert float(points[:, 2].mean()) > 0.5


def test_embeddings_find_the_same_person(store: ModelStore, shared_data: Path) -> None:
    files = sorted((shared_data / "people").glob("*.jpg"))
    pictures = [read_picture(file) for file in files]
    vectors = build_embedder(store, "reid", gpu=None, threads=1).embed(pictures)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -1)
    names = [file.name[:2] for file in files]
    hits = [names[i] == names[int(alike[i].argmax())] for i in range(len(files))]
    assert sum(hits) / len(hits) > 0.9
