"""The real person detector on real falls, and on people who do not fall."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.cli.media_files import VideoFile
from core.types import Event, FrameRef, Observation
from events.falls import FallJudge
from inference.catalogue import MissingModelError, ModelStore
from inference.recognisers import Recogniser, build_recogniser

pytestmark = [pytest.mark.integration, pytest.mark.data]

FALLS = ("fall-01", "fall-06", "fall-14", "fall-20", "fall-24", "fall-28")


@pytest.fixture(scope="module", params=["boxes only", "with poses"])
def recogniser(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Recogniser:
    """With the default detector; with and without the pose model beside it."""
    models = tmp_path_factory.mktemp("models")
    names = ["yolox_nano_416"] + ["movenet_lightning_192_int8"] * (request.param == "with poses")
    for name in names:
        (models / f"{name}.onnx").symlink_to(shared_data / "models" / f"{name}.onnx")
    made = build_recogniser("falls", ModelStore(models), None, threads=1)
    assert made.model == "+".join(names)
    return made


def events_of(recogniser: Recogniser, path: Path, fps: float, most_s: float = 60.0) -> list[Event]:
    judge = FallJudge(camera_id=1, settings={})
    events: dict[str, Event] = {}
    with VideoFile(path, fps) as video:
        for frame in video.frames():
            if frame.at_s > most_s:
                break
            height, width = frame.picture.shape[:2]
            ref = FrameRef(1, 1 + round(frame.at_s * 1e6), frame.at_s, width, height)
            (persons,) = recogniser.recognise([frame.picture])
            events |= {e.id: e for e in judge.observe(Observation(ref, "falls", persons, recogniser.model))}
    events |= {e.id: e for e in judge.finish()}
    return list(events.values())


@pytest.mark.parametrize("fps", [5.0, 8.0, 15.0], ids=lambda v: f"{v:g}fps")
@pytest.mark.parametrize("name", FALLS)
def test_each_clip_has_one_fall(recogniser: Recogniser, shared_data: Path, name: str, fps: float) -> None:
    (fall,) = events_of(recogniser, shared_data / "falls" / f"{name}.mp4", fps)
    assert fall.kind == "fall"
    assert fall.box is not None
    assert fall.box[2] - fall.box[0] > fall.box[3] - fall.box[1]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("videos/one-by-one-person-detection.mp4", id="people who walk through"),
        pytest.param("videos/car-detection.mp4", id="a road"),
        pytest.param("fights/calm/nofi064.mp4", id="people who walk out below"),
        pytest.param("fights/calm/nofi048.mp4", id="one person in front of another"),
    ],
)
def test_nobody_falls(recogniser: Recogniser, shared_data: Path, path: str) -> None:
    assert events_of(recogniser, shared_data / path, 8.0, most_s=40.0) == []


def test_without_a_person_detector_the_error_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match=r"yolox_nano_416.*camrec models pull"):
        build_recogniser("falls", ModelStore(tmp_path), None, threads=1)


def test_the_command_line_tells_each_event_and_sums_up(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    model = "yolox_nano_416.onnx"
    (tmp_path / "models" / model).symlink_to(shared_data / "models" / model)
    clip = shared_data / "falls" / "fall-06.mp4"
    run = subprocess.run(
        [sys.executable, "-m", "app.cli", "recognise", "falls", str(clip), "--json"],
        env={**os.environ, "CAMREC_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines: list[dict[str, Any]] = [json.loads(line) for line in run.stdout.splitlines()]
    event, summary = lines
    assert event["events"][0]["kind"] == "fall"
    assert 0.8 < event["at"] < 1.8
    assert summary["frames"] == pytest.approx(27, abs=2)
    assert summary["score"] == event["events"][0]["score"] > 0.5
    assert [e["kind"] for e in summary["events"]] == ["fall"]
