"""Pairs of clips in different scenes of scenes.txt that look like one place: what the eye missed when it grouped them.

Three measures that fail in different ways. Place: key points of the backgrounds that agree on one shift, scale and
rotation (SIFT, Lowe 2004; RANSAC), which finds the same walls and burnt-in texts even where the crowd has changed.
Look: correlation of the small, blurred backgrounds, which finds pictures too dark or too coarse for key points. File:
clips with numbers that follow each other and with one size and frame rate may be cut from one source video, though they
show different places.

.venv/bin/python -m training.violence.similar ../shared/data/fights --sheet pairs.jpg
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from app.cli.media_files import VideoFile
from core.types import Picture
from training.violence.folds import is_fight, read_scenes

FRAMES_PER_S = 8
HEIGHT = 288
MOST_POINTS = 600
RATIO = 0.75
"""A match counts where it is this much nearer than the second best (Lowe 2004)."""

TOLERANCE_PX = 4
LOOK_SIZE = (32, 24)


@dataclass(frozen=True)
class Background:
    """What stands still in a clip."""

    file: str
    """Size and frame rate of the video."""
    picture: Picture
    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float32]
    look: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two clips, and how alike their backgrounds are."""

    first: str
    second: str
    place: int
    """Key points that agree on one place."""
    look: float
    """Correlation, -1 to 1."""


def background_of(path: Path) -> Background:
    """The median of a clip's pictures, 288 pixels high, and what is compared of it."""
    with VideoFile(path, FRAMES_PER_S) as video:
        pictures = [frame.picture for frame in video.frames()]
    rate = cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS)
    height, width = pictures[0].shape[:2]
    size = (round(HEIGHT * width / height), HEIGHT)
    small = np.stack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures])
    picture = np.median(small, axis=0).astype(np.uint8)
    # Root SIFT (Arandjelović and Zisserman, CVPR 2012): histograms compare better by their square roots.
    found, descriptors = cv2.SIFT.create(MOST_POINTS).detectAndCompute(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), None)
    rows = np.zeros((0, 128), np.float32) if descriptors is None else descriptors
    rows = np.sqrt(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-6))
    look = cv2.resize(cv2.GaussianBlur(picture, (0, 0), 6), LOOK_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    look -= look.mean(axis=(0, 1))
    return Background(
        f"{width}x{height} {rate:.2f}",
        picture,
        np.array([point.pt for point in found], np.float32).reshape(-1, 2),
        rows,
        look.ravel() / max(1e-6, float(np.linalg.norm(look))),
    )


def points_in_common(one: Background, other: Background) -> int:
    """Key points that agree on one shift, scale and rotation between the two backgrounds."""
    if min(len(one.points), len(other.points)) < 2:
        return 0
    nearness = one.descriptors @ other.descriptors.T
    second, best = np.sort(nearness, axis=1)[:, -2:].T
    # Unit vectors: squared distance is 2 - 2 · nearness.
    clear = (1 - best) < RATIO**2 * (1 - second)
    mutual = nearness.argmax(axis=0)[nearness.argmax(axis=1)] == np.arange(len(one.points))
    chosen = np.flatnonzero(clear & mutual)
    if len(chosen) < 3:
        return 0
    _, agree = cv2.estimateAffinePartial2D(
        one.points[chosen], other.points[nearness[chosen].argmax(axis=1)], ransacReprojThreshold=TOLERANCE_PX
    )
    return 0 if agree is None else int(agree.sum())


def compare(backgrounds: dict[str, Background]) -> list[Pair]:
    """All pairs."""
    return [
        Pair(a, b, points_in_common(one, other), float(one.look @ other.look))
        for (a, one), (b, other) in combinations(sorted(backgrounds.items()), 2)
    ]


def most_alike(pairs: list[Pair], scenes: dict[str, int], count: int) -> list[Pair]:
    """Of clips in different scenes the most alike by either measure, in turn; of two scenes only the best."""
    across = [pair for pair in pairs if scenes[pair.first] != scenes[pair.second]]
    measures: tuple[Callable[[Pair], float], ...] = (lambda pair: pair.place, lambda pair: pair.look)
    rankings = [_of_each_two_scenes(sorted(across, key=measure, reverse=True), scenes) for measure in measures]
    return list(dict.fromkeys(pair for both in zip(*rankings, strict=True) for pair in both))[:count]


def _of_each_two_scenes(ranked: list[Pair], scenes: dict[str, int]) -> list[Pair]:
    first: dict[frozenset[int], Pair] = {}
    for pair in ranked:
        first.setdefault(frozenset((scenes[pair.first], scenes[pair.second])), pair)
    return list(first.values())


def next_in_one_format(backgrounds: dict[str, Background], scenes: dict[str, int]) -> list[tuple[str, str]]:
    """Clips whose numbers follow each other, of one size and frame rate but in different scenes."""
    return [
        (a, b)
        for a, b in pairwise(sorted(backgrounds))
        if is_fight(a) == is_fight(b) and scenes[a] != scenes[b] and backgrounds[a].file == backgrounds[b].file
    ]


def found_again(pairs: list[Pair], scenes: dict[str, int]) -> tuple[int, int]:
    """Of the clips that share a scene with others, how many are nearer to one of these than any two scenes are, and
    how many there are: what the measure of place would have found by itself."""
    bar = max(pair.place for pair in pairs if scenes[pair.first] != scenes[pair.second])
    same = [pair for pair in pairs if scenes[pair.first] == scenes[pair.second]]
    near = {clip for pair in same if pair.place > bar for clip in (pair.first, pair.second)}
    return len(near), len({clip for pair in same for clip in (pair.first, pair.second)})


def sheet(pairs: list[Pair], backgrounds: dict[str, Background], columns: int = 3) -> Picture:
    """The pairs side by side, with their names and measures."""
    cells = []
    for pair in pairs:
        both = [cv2.resize(backgrounds[c].picture, (256, 192)) for c in (pair.first, pair.second)]
        cell = cv2.copyMakeBorder(np.hstack(both), 22, 4, 4, 4, cv2.BORDER_CONSTANT)
        text = f"{pair.first} {pair.second} place {pair.place} look {pair.look:.2f}"
        cells.append(cv2.putText(cell, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255)))
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)])


def main() -> None:
    """Compare, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fights", type=Path, help="folder with fight/ and calm/")
    parser.add_argument("--count", type=int, default=60, help="pairs to show")
    parser.add_argument("--sheet", type=Path, help="picture to write, with the pairs side by side")
    arguments = parser.parse_args()
    scenes = read_scenes()
    backgrounds = {p.stem: background_of(p) for p in sorted(arguments.fights.glob("*/*.mp4")) if p.stem in scenes}
    pairs = compare(backgrounds)
    proposed = most_alike(pairs, scenes, arguments.count)
    for pair in proposed:
        print(f"{pair.first:8} {pair.second:8} place {pair.place:4} look {pair.look:5.2f}")
    for first, second in next_in_one_format(backgrounds, scenes):
        print(f"{first:8} {second:8} {backgrounds[first].file}")
    near, several = found_again(pairs, scenes)
    print(f"By place alone, {near} of the {several} clips that share a scene are nearer to it than any two scenes are.")
    if arguments.sheet is not None:
        cv2.imwrite(str(arguments.sheet), sheet(proposed, backgrounds))


if __name__ == "__main__":
    main()
