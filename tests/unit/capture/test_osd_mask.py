"""A clock burned into the picture does not hold the motion gate open, and hides nobody."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from capture.motion import GreyPicture, MotionDetector
from capture.motion_gate import MotionGate

FPS = 2.0
SMALL, LARGE = (640, 360), (1280, 720)
LEARNT_S = 150.0
TEXT = {SMALL: (0.5, 1), LARGE: (1.0, 2)}
"""Size of the picture → scale and thickness of the font."""

Scene = Callable[[GreyPicture, float], None]
"""Draws on a picture what is there at that time."""


def walls(size: tuple[int, int]) -> list[GreyPicture]:
    """The same view with the noise of five moments."""
    rng = np.random.default_rng(1)
    width, height = size
    wall = cv2.GaussianBlur(rng.integers(20, 235, (height, width), np.uint8), (0, 0), 6)
    return [np.clip(wall + rng.normal(0, 1.5, wall.shape), 0, 255).astype(np.uint8) for _ in range(5)]


def clock(level: int, corner: str) -> Scene:
    def draw(picture: GreyPicture, at_s: float) -> None:
        minutes, seconds = divmod(int(at_s) + 30, 60)
        text = f"2026-11-24 16:{minutes:02d}:{seconds:02d}"
        height, width = picture.shape
        scale, thickness = TEXT[width, height]
        (text_width, text_height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        left = 8 if "left" in corner else width - text_width - 8
        bottom = 8 + text_height if "top" in corner else height - 8 - below
        cv2.putText(picture, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, level, thickness)

    return draw


def block(left: float, top: int, size: tuple[int, int], level: int = 30) -> Scene:
    def draw(picture: GreyPicture, _: float) -> None:
        picture[top : top + size[1], max(0, round(left)) : max(0, round(left) + size[0])] = level

    return draw


def looks(
    gate: MotionGate, scene: Scene, from_s: float, to_s: float, size: tuple[int, int]
) -> list[tuple[float, bool, bool]]:
    """When, whether something moves, and whether the gate is open then."""
    backgrounds, found = walls(size), []
    for number in range(round(from_s * FPS), round(to_s * FPS)):
        picture = backgrounds[number % len(backgrounds)].copy()
        scene(picture, number / FPS)
        found.append((number / FPS, gate.look(picture, 1000.0 + number / FPS), gate.is_open))
    return found


@pytest.mark.parametrize(
    ("level", "corner", "size"),
    [
        pytest.param(255, "top left", SMALL, id="white, top left, 640x360"),
        pytest.param(0, "bottom right", SMALL, id="black, bottom right, 640x360"),
        pytest.param(0, "top left", LARGE, id="black, top left, 1280x720"),
        pytest.param(255, "bottom right", LARGE, id="white, bottom right, 1280x720"),
    ],
)
def test_a_clock_in_the_corner_is_learnt(level: int, corner: str, size: tuple[int, int]) -> None:
    gate = MotionGate()
    before = looks(gate, clock(level, corner), 0, 60, size)
    assert np.mean([moves for _, moves, _ in before]) > 0.2, "the scene is one that needs the mask"
    looks(gate, clock(level, corner), 60, LEARNT_S, size)
    after = looks(gate, clock(level, corner), LEARNT_S, LEARNT_S + 130, size)
    assert np.mean([is_open for _, _, is_open in after]) < 0.05, "over two changes of the minute"


def test_a_person_who_walks_through_the_clock_is_seen() -> None:
    gate, draw_clock = MotionGate(), clock(255, "top left")
    looks(gate, draw_clock, 0, LEARNT_S, SMALL)

    def walks(picture: GreyPicture, at_s: float) -> None:
        block(40 * (at_s - LEARNT_S) - 30, 4, (30, 80))(picture, at_s)
        draw_clock(picture, at_s)

    found = looks(gate, walks, LEARNT_S, LEARNT_S + 8, SMALL)
    assert np.mean([moves for at_s, moves, _ in found if at_s >= LEARNT_S + 1]) == 1


def test_a_person_whose_feet_are_in_the_clock_is_seen() -> None:
    gate, draw_clock = MotionGate(), clock(0, "bottom right")
    looks(gate, draw_clock, 0, LEARNT_S, SMALL)

    def walks(picture: GreyPicture, at_s: float) -> None:
        block(420 + 25 * (at_s - LEARNT_S), 270, (30, 75))(picture, at_s)
        draw_clock(picture, at_s)

    assert np.mean([moves for _, moves, _ in looks(gate, walks, LEARNT_S, LEARNT_S + 8, SMALL)]) == 1


def test_a_busy_road_along_the_edge_is_never_text() -> None:
    detector = MotionDetector()
    backgrounds, moves = walls(SMALL), []
    for number in range(round(300 * FPS)):
        picture = backgrounds[number % len(backgrounds)].copy()
        for car in range(3):
            block((car * 230 + 60 * number / FPS) % 690 - 50, 320, (50, 30), 240)(picture, 0)
        moves.append(detector.look(picture, 1000.0 + number / FPS))
    assert np.mean(moves) == 1


def test_a_clock_that_is_turned_off_leaves_no_blind_spot() -> None:
    gate, draw_clock = MotionGate(), clock(255, "top left")
    looks(gate, draw_clock, 0, LEARNT_S, SMALL)
    looks(gate, lambda *_: None, LEARNT_S, LEARNT_S + 400, SMALL)

    def flies(picture: GreyPicture, at_s: float) -> None:
        block(150 + 5 * (at_s % 8), 8, (12, 14))(picture, at_s)

    assert any(moves for _, moves, _ in looks(gate, flies, LEARNT_S + 400, LEARNT_S + 404, SMALL))
