"""Scenes of the violence training: the list is sound, and clips of one place are found by their pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from core.types import Picture
from training.violence.folds import SCENES, folds_of, is_fight, read_scenes
from training.violence.similar import (
    Background,
    background_of,
    compare,
    found_again,
    most_alike,
    next_in_one_format,
    points_in_common,
)

RATE = 8


def place(seed: int) -> Picture:
    """Walls and furniture, 640x360."""
    rng = np.random.default_rng(seed)
    picture = np.full((360, 640, 3), rng.integers(80, 160, 3), np.uint8)
    for _ in range(80):
        x, y, width, height = rng.integers((0, 0, 10, 10), (600, 330, 90, 70))
        cv2.rectangle(picture, (x, y), (x + width, y + height), rng.integers(0, 255, 3).tolist(), -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.2).astype(np.uint8)


def film(path: Path, still: Picture, walker: int) -> Path:
    """A second of a place, through which somebody walks."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream("libx264", RATE, options={"crf": "23"})
        stream.height, stream.width = still.shape[:2]
        stream.pix_fmt = "yuv420p"
        for number in range(RATE):
            picture = still.copy()
            cv2.rectangle(picture, (walker + number * 50, 120), (walker + number * 50 + 40, 260), (20, 20, 20), -1)
            video.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        video.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def backgrounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Background]:
    """Two clips of one place, the second turned, shifted and nearer, and one of another place in another format."""
    folder = tmp_path_factory.mktemp("clips")
    moved = cv2.warpAffine(place(1), np.array([[1.1, 0.05, -30], [-0.05, 1.1, 10]]), (640, 360)).astype(np.uint8)
    return {
        "fi001": background_of(film(folder / "fi001.mp4", place(1), walker=20)),
        "fi002": background_of(film(folder / "fi002.mp4", moved, walker=200)),
        "nofi001": background_of(film(folder / "nofi001.mp4", place(2)[:, :480], walker=20)),
    }


def test_one_place_is_told_from_another(backgrounds: dict[str, Background]) -> None:
    assert points_in_common(backgrounds["fi001"], backgrounds["fi002"]) >= 20
    assert points_in_common(backgrounds["fi001"], backgrounds["nofi001"]) <= 6


def test_a_leak_between_scenes_comes_first_and_a_pair_within_a_scene_never(backgrounds: dict[str, Background]) -> None:
    pairs = compare(backgrounds)
    leak = most_alike(pairs, {"fi001": 0, "fi002": 1, "nofi001": 2}, count=3)
    assert (leak[0].first, leak[0].second) == ("fi001", "fi002")
    grouped = {"fi001": 0, "fi002": 0, "nofi001": 1}
    assert {(p.first, p.second) for p in most_alike(pairs, grouped, count=3)} <= {
        ("fi001", "nofi001"),
        ("fi002", "nofi001"),
    }
    assert found_again(pairs, grouped) == (2, 2)


def test_neighbours_of_one_format_are_asked_about(backgrounds: dict[str, Background]) -> None:
    assert next_in_one_format(backgrounds, {"fi001": 0, "fi002": 1, "nofi001": 2}) == [("fi001", "fi002")]
    assert next_in_one_format(backgrounds, {"fi001": 0, "fi002": 0, "nofi001": 1}) == []


def test_a_picture_without_any_detail_has_no_points_in_common(backgrounds: dict[str, Background]) -> None:
    night = replace(
        backgrounds["fi001"], points=np.zeros((0, 2), np.float32), descriptors=np.zeros((0, 128), np.float32)
    )
    assert points_in_common(night, backgrounds["fi001"]) == 0
    assert points_in_common(backgrounds["fi001"], night) == 0


def test_every_clip_has_one_scene() -> None:
    named = Counter(SCENES.read_text("utf-8").split("\n", 1)[1].split())
    assert {clip: times for clip, times in named.items() if times > 1} == {}
    assert Counter(is_fight(clip) for clip in named) == {True: 100, False: 100}


@pytest.mark.parametrize("seed", range(5))
def test_no_scene_is_in_two_folds_and_each_fold_holds_both_classes(seed: int) -> None:
    scenes = read_scenes()
    fold_of = folds_of(scenes, seed)
    assert len({(scenes[clip], fold) for clip, fold in fold_of.items()}) == len(set(scenes.values()))
    assert {(fold, is_fight(clip)) for clip, fold in fold_of.items()} == {
        (f, c) for f in range(5) for c in (True, False)
    }
