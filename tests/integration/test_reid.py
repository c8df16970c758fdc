"""Re-identification on real footage, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.data


@pytest.fixture
def data(tmp_path: Path, shared_data: Path) -> Path:
    """A data folder whose models are those of the shared folder."""
    (tmp_path / "models").symlink_to(shared_data / "models")
    return tmp_path


def camrec(data: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "CAMREC_DATA": str(data)}
    command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=170)


def search(data: Path, query: Path, gallery: Path) -> list[dict[str, Any]]:
    done = camrec(data, "reid", "search", query, "--gallery", gallery, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_six_walkers_are_six_identities(data: Path, shared_data: Path) -> None:
    walkers = shared_data / "videos" / "one-by-one-person-detection.mp4"
    done = camrec(data, "recognise", "reid", walkers, walkers, "--json")
    assert done.returncode == 0, done.stderr
    first, second = [line for line in map(json.loads, done.stdout.splitlines()) if "frames" in line]
    assert [event["kind"] for event in first["events"]] == ["identity"] * 6
    identities = [{event["details"]["identity"] for event in summary["events"]} for summary in (first, second)]
    assert len(identities[0]) == 6
    assert identities[0] == identities[1], "who is in both videos is one identity"


def test_search_finds_the_person_and_keeps_the_gallery(data: Path, shared_data: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    gallery.mkdir()
    for name in ("00_1", "00_3", "02_1", "04_2", "05_3"):
        (gallery / f"{name}.jpg").write_bytes((shared_data / "people" / f"{name}.jpg").read_bytes())
    (gallery / "notes.txt").write_text("no picture")
    query = shared_data / "people" / "00_2.jpg"
    first = search(data, query, gallery)
    assert {Path(one["path"]).name for one in first[:2]} == {"00_1.jpg", "00_3.jpg"}
    assert len(first) == 5
    (cache,) = (data / "cache" / "reid").iterdir()
    kept = json.loads(cache.read_text())
    kept["02_1.jpg"]["persons"] = kept["00_1.jpg"]["persons"]
    cache.write_text(json.dumps(kept))
    scores = {Path(one["path"]).name: one["score"] for one in search(data, query, gallery)}
    assert scores["02_1.jpg"] == scores["00_1.jpg"], "what is kept is not looked at again"
    os.utime(gallery / "02_1.jpg")
    assert search(data, query, gallery) == first, "what has changed is"
    cache.write_text("broken")
    assert search(data, query, gallery) == first


def test_persons_are_found_in_a_scene(data: Path, shared_data: Path, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    gallery = tmp_path / "scene"
    gallery.mkdir()
    # Two persons of one video beside each other, on its wall.
    video = cv2.VideoCapture(str(shared_data / "videos" / "one-by-one-person-detection.mp4"))
    video.set(cv2.CAP_PROP_POS_MSEC, 10_000)
    done, frame = video.read()
    assert done
    cv2.imwrite(str(gallery / "scene.png"), np.asarray(frame))
    best = {
        name: search(data, shared_data / "people" / f"{name}.jpg", gallery)[0]["score"] for name in ("00_2", "03_2")
    }
    assert best["00_2"] > 0.75 > best["03_2"]


def test_calibration_is_kept_for_the_site(data: Path, shared_data: Path) -> None:
    done = camrec(data, "reid", "calibrate", shared_data / "people", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["pairs_same"], found["pairs_different"]) == (90, 540)
    assert 0.65 < found["similarity"] < 0.85
    without = camrec(data, "reid", "calibrate")
    assert without.returncode == 1
    assert "at least 20 pairs" in without.stderr


@pytest.mark.parametrize(
    ("query", "text"), [("none.jpg", "no such file"), ("text.jpg", "not a picture")], ids=["no file", "no picture"]
)
def test_a_query_that_cannot_be_read(data: Path, shared_data: Path, tmp_path: Path, query: str, text: str) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    done = camrec(data, "reid", "search", tmp_path / query, "--gallery", shared_data / "people", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert text in done.stderr
