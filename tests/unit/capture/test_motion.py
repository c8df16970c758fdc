"""What the motion detector sees and what it does not, on drawn scenes with the noise of a camera."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest

from capture.motion import BACKGROUND_S, LEARN_S, GreyPicture, MotionDetector
from capture.motion_gate import HOLD_S

FPS = 4.0
HEIGHT, WIDTH = 360, 640
WALL = cv2.GaussianBlur(np.random.default_rng(1).integers(20, 235, (HEIGHT, WIDTH), np.uint8), (0, 0), 6)
SETTLE_S = 15.0
GRAIN = np.random.default_rng(7).normal(0, 1, (13, HEIGHT, WIDTH)).astype(np.float32)

Scene = Callable[[float], GreyPicture]


def moving(
    speed: float, size: tuple[int, int], level: int, *, start: float = 100.0, background: GreyPicture = WALL
) -> Scene:
    """A plain block that crosses from ``SETTLE_S`` on: pixels a second, (width, height), grey level."""

    def scene(at_s: float) -> GreyPicture:
        picture = background.copy()
        if at_s >= SETTLE_S:
            left = start + speed * (at_s - SETTLE_S)
            shift = np.array([[1, 0, left], [0, 1, 150]], np.float32)
            block = np.full((size[1], size[0]), level, np.uint8)
            mask = cv2.warpAffine(np.full_like(block, 255), shift, (WIDTH, HEIGHT)) / 255
            picture = (picture * (1 - mask) + level * mask).astype(np.uint8)
        return picture

    return scene


def seen(scene: Scene, seconds: float, noise: float = 3.0, fps: float = FPS) -> list[tuple[float, bool]]:
    detector = MotionDetector()
    found = []
    for number in range(round(seconds * fps)):
        at_s = number / fps
        grainy = scene(at_s) + noise * GRAIN[number % len(GRAIN)]
        found.append((at_s, detector.look(np.clip(grainy, 0, 255).astype(np.uint8), 1000.0 + at_s)))
    return found


def share(found: list[tuple[float, bool]], from_s: float, to_s: float) -> float:
    return float(np.mean([moves for at_s, moves in found if from_s <= at_s < to_s]))


PLAIN = np.full_like(WALL, 100)
DARK = (WALL // 8).astype(np.uint8)  # 2 to 29 of 255


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(moving(60, (40, 90), 30), id="somebody walks"),
        pytest.param(moving(2, (40, 90), 30), id="slow: two pixels a second"),
        pytest.param(moving(12, (7, 16), 10), id="small: 16 pixels high, far away"),
        pytest.param(moving(25, (40, 90), 28, background=DARK), id="dark: 28 of 255 on 2 to 29"),
        pytest.param(moving(300, (120, 60), 200), id="a car"),
    ],
)
def test_movers_are_seen(scene: Scene) -> None:
    found = seen(scene, SETTLE_S + 12)
    assert share(found, SETTLE_S - 10, SETTLE_S) == 0, "nothing moved before"
    first = next(at_s for at_s, moves in found if at_s >= SETTLE_S and moves)
    assert first - SETTLE_S <= 1.0


@pytest.mark.parametrize(
    ("scene", "noise"),
    [
        pytest.param(moving(2, (40, 90), 30), 3.0, id="2 pixels a second"),
        pytest.param(moving(2, (30, 80), 92, background=PLAIN), 1.5, id="2 pixels a second and dark: 92 on 100"),
        pytest.param(moving(0.5, (30, 80), 80, background=PLAIN), 1.5, id="half a pixel a second: 80 on 100"),
    ],
)
def test_a_slow_mover_is_seen_again_and_again(scene: Scene, noise: float) -> None:
    found = seen(scene, SETTLE_S + 40, noise)
    times = [at_s for at_s, moves in found if moves and at_s >= SETTLE_S]
    assert times[-1] > SETTLE_S + 38
    assert max(b - a for a, b in pairwise(times)) < HOLD_S


@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0, 8.0], ids=lambda v: f"noise {v}")
def test_noise_is_no_motion(noise: float) -> None:
    found = seen(lambda _: WALL, 40, noise)
    assert share(found, SETTLE_S, 40) <= 0.02


def test_the_sun_is_no_motion() -> None:
    def cloud(at_s: float) -> GreyPicture:
        return np.clip(WALL * (1 + 0.1 * np.sin(at_s / 8)), 0, 255).astype(np.uint8)

    assert share(seen(cloud, 60), SETTLE_S, 60) < 0.35


def test_what_comes_to_rest_becomes_background() -> None:
    def parks(at_s: float) -> GreyPicture:
        return moving(100, (120, 60), 200)(min(at_s, SETTLE_S + 2))

    found = seen(parks, SETTLE_S + 40)
    assert share(found, SETTLE_S, SETTLE_S + 2) == 1
    assert share(found, SETTLE_S + 2 + 5 * BACKGROUND_S, SETTLE_S + 40) == 0


def test_a_new_view_is_motion_until_it_is_known() -> None:
    other = np.ascontiguousarray(WALL[::-1, ::-1])
    found = seen(lambda at_s: other if at_s >= SETTLE_S else WALL, SETTLE_S + 20)
    assert share(found, 0, LEARN_S) == 1
    assert share(found, SETTLE_S, SETTLE_S + LEARN_S) == 1
    assert share(found, SETTLE_S + 10, SETTLE_S + 20) == 0


def test_another_size_or_a_clock_set_back_begins_anew() -> None:
    detector = MotionDetector()
    for number in range(80):
        detector.look(WALL, number / FPS)
    assert not detector.look(WALL, 20.0)
    assert detector.look(WALL[:180, :320], 20.25)
    assert detector.look(WALL[:180, :320], 1.0)


@pytest.mark.parametrize("size", [(1, 1), (90, 160), (2160, 3840), (1080, 64)], ids=str)
def test_any_size_goes(size: tuple[int, int]) -> None:
    detector = MotionDetector()
    assert detector.look(np.zeros(size, np.uint8), 0.0)
    detector.look(np.zeros(size, np.uint8), 0.25)
