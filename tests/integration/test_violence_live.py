"""The way of a clip, live: camera, clip ring, token, worker, judge, event. All parts are real, as is the footage."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.demo.rtsp import RtspServer
from tests.support.processes import CAMREC
from tests.support.running_system import RunningSystem, running_system
from tests.support.tiny_onnx import write_constant
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.data]


@pytest.fixture
def system(
    shared_data: Path, tmp_path: Path, frame_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningSystem]:
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setenv("CAMREC_DATA", str(folder / "data of the system"))
    models("pull", "yolox_nano_416", "--from", shared_data / "models")
    with running_system(folder, monkeypatch, frame_dir=str(frame_dir), keep_fps="0") as running:
        monkeypatch.setenv("CAMREC_DATA", str(running.data))
        yield running


@pytest.fixture
def street(shared_data: Path) -> Iterator[RtspServer]:
    scenes = {
        "fight": shared_data / "fights" / "fight" / "fi005.mp4",
        "calm": shared_data / "fights" / "calm" / "nofi070.mp4",
        "road": shared_data / "videos" / "car-detection.mp4",
    }
    with RtspServer(scenes) as server:
        yield server


def models(*arguments: str | Path) -> None:
    done = subprocess.run(
        [*CAMREC, "models", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_fight_is_one_event_and_calm_is_none(system: RunningSystem, street: RtspServer, tmp_path: Path) -> None:
    violence = [{"kind": "violence", "fps": 8}]
    ids = {
        name: system.api.call("POST", "/cameras", {"name": name, "url": street.url(name), "recognitions": violence})[
            "id"
        ]
        for name in ("fight", "calm", "road")
    }
    (event,) = wait_until(system.events, "the fight is seen", 60.0)
    assert (event["camera_id"], event["kind"], event["ended_at"]) == (ids["fight"], "violence", None)
    assert event["score"] >= 0.5
    assert event["best_frame"]["width"] > 0
    x1, y1, x2, y2 = event["box"]
    assert 0 <= x1 < x2 <= event["best_frame"]["width"]
    assert 0 <= y1 < y2 <= event["best_frame"]["height"]
    for name, camera_id in ids.items():
        wait_until(lambda c=camera_id: reached(system, c) > 0.5, f"clips of {name} are looked at", 30.0)

    # A clip classifier takes the place of the motion model while all this runs; it sees violence nowhere.
    quiet = write_constant(tmp_path / "quiet.onnx", [1, 3, 8, 32, 32], [np.array([[0.98, 0.02]], np.float32)])
    models("add", quiet, "--decoder", "clip_classes", "--labels", "calm,fight", "--licence", "MIT")
    models("use", "violence.clip", "quiet")
    (ended,) = wait_until(
        lambda: [e for e in system.events() if e["ended_at"] is not None], "the event ends with the new model", 40.0
    )
    assert ended["id"] == event["id"]
    assert len(system.events()) == 1, "one fight, one event; nobody else alarmed"


def reached(system: RunningSystem, camera_id: int) -> float:
    said: dict[str, Any] = system.camera_status(camera_id).get("reached_fps") or {}
    return float(said.get("violence", 0.0))
