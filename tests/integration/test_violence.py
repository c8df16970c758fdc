"""`camrec recognise violence` on real footage, with the model that is shipped."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import CAMREC

pytestmark = [pytest.mark.integration, pytest.mark.data]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def models(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMREC_DATA", str(tmp_path / "data"))
    done = recognise_command("models", "pull", "--from", shared_data / "models")
    assert done.returncode == 0, done.stderr


def recognise_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CAMREC, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)


def summaries(*paths: Path) -> list[dict[str, Any]]:
    done = recognise_command("recognise", "violence", *paths, "--json")
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
    done = recognise_command("recognise", "violence", next((shared_data / "people").iterdir()), "--json")
    assert done.returncode == 1
    assert "needs a video" in json.loads(done.stdout)["error"]
