"""`camrec recognise violence` on real footage, with the model that is shipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.processes import camrec
from tests.support.tiny_onnx import write_constant

pytestmark = [pytest.mark.integration, pytest.mark.data]


@pytest.fixture
def models(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMREC_DATA", str(tmp_path / "data"))
    done = camrec("models", "pull", "--from", shared_data / "models")
    assert done.returncode == 0, done.stderr


def summaries(*paths: Path) -> list[dict[str, Any]]:
    done = camrec("recognise", "violence", *paths, "--json")
    assert done.returncode == 0, done.stderr
    return [line for line in map(json.loads, done.stdout.splitlines()) if "frames" in line]


@pytest.mark.usefixtures("models")
def test_fights_score_above_calm_scenes(shared_data: Path) -> None:
    fights = [shared_data / "fights" / "fight" / f"fi{n:03d}.mp4" for n in (5, 20, 40, 53, 86)]
    calm = [shared_data / "fights" / "calm" / f"nofi{n:03d}.mp4" for n in (62, 70, 80, 85, 90)]
    seen = summaries(*fights, *calm)
    assert sum(bool(s["events"]) for s in seen[:5]) >= 4
    assert sum(bool(s["events"]) for s in seen[5:]) == 0
    assert min(sorted(s["score"] for s in seen[:5])[1:]) > max(s["score"] for s in seen[5:])
    event = next(s["events"][0] for s in seen[:5] if s["events"])
    assert (event["kind"], event["recognition"]) == ("violence", "violence")
    assert event["until"] >= event["at"]


@pytest.mark.usefixtures("models")
def test_a_road_without_persons_never_alarms(shared_data: Path) -> None:
    (road,) = summaries(shared_data / "videos" / "car-detection.mp4")
    assert road["events"] == []


@pytest.mark.usefixtures("models")
def test_a_picture_is_refused(shared_data: Path) -> None:
    done = camrec("recognise", "violence", next((shared_data / "people").iterdir()), "--json")
    assert done.returncode == 1
    assert "needs a video" in json.loads(done.stdout)["error"]


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("shape", "score"),
    [
        pytest.param([1, 3, 8, 32, 32], 0.75, id="channels before time"),
        pytest.param([1, 24, 3, 32, 32], 0.75, id="time before channels, more pictures than the clip has"),
    ],
)
def test_any_clip_classifier_plugs_in(shared_data: Path, tmp_path: Path, shape: list[int], score: float) -> None:
    answer = np.array([[0.25, score / 2, score / 2]], np.float32)
    model = write_constant(tmp_path / "fights.onnx", shape, [answer])
    added = camrec("models", "add", model, "--decoder", "clip_classes", "--labels", "calm,fight,assault")
    assert added.returncode == 0, added.stderr
    chosen = camrec("models", "use", "violence.clip", "fights")
    assert chosen.returncode == 0, chosen.stderr
    calm, road = summaries(
        shared_data / "fights" / "calm" / "nofi070.mp4", shared_data / "videos" / "car-detection.mp4"
    )
    assert [e["score"] for e in calm["events"]] == [pytest.approx(score, abs=1e-3)]
    assert road["events"] == [], "without persons nothing alarms, whatever the model says"


@pytest.mark.usefixtures("models")
def test_a_classifier_that_knows_no_violence_is_refused(tmp_path: Path) -> None:
    model = write_constant(tmp_path / "sports.onnx", [1, 3, 8, 32, 32], [np.array([[0.5, 0.5]], np.float32)])
    added = camrec("models", "add", model, "--decoder", "clip_classes", "--labels", "tennis,golf")
    assert added.returncode == 0, added.stderr
    chosen = camrec("models", "use", "violence.clip", "sports")
    assert chosen.returncode == 1
    assert "none of its labels (tennis, golf) is one of violence, violent, fight" in chosen.stderr
