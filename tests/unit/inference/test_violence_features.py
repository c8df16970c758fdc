"""Motion descriptors of drawn clips."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.types import Picture
from inference.motion import DESCRIPTOR_SIZE, motion_box, motion_descriptors, small_greys

RNG = np.random.default_rng(3)
WALL = cv2.GaussianBlur(RNG.integers(0, 255, (220, 400, 3), np.uint8), (0, 0), 3)
COAT = cv2.GaussianBlur(RNG.integers(0, 255, (60, 30, 3), np.uint8), (0, 0), 2)


def picture(x: float = 0, y: float = 60) -> Picture:
    scene = np.ascontiguousarray(WALL[10:190, 20:340])
    left, top = round(100 + x), round(y)
    scene[top : top + 60, left : left + 30] = COAT
    return scene


def motion(pictures: list[Picture], interval_s: float = 0.125) -> tuple[float, float]:
    """Speed and acceleration, summed over all rows."""
    rows = motion_descriptors(small_greys(pictures), interval_s, 60 / 180)
    assert rows.shape[1] == DESCRIPTOR_SIZE
    assert rows.dtype == np.float32
    fields = rows.reshape(-1, 4, 4, 8) ** 2
    return float(fields[:, :, 0].sum()), float(fields[:, :, 3].sum())


STILL = [picture() for _ in range(16)]
WALK = [picture(x=4 * i) for i in range(16)]
BLOWS = [picture(x=5 * (-1) ** i, y=60 + 5 * (-1) ** (i // 2)) for i in range(16)]
TURN = [np.ascontiguousarray(WALL[10:190, 20 + 3 * i : 340 + 3 * i]) for i in range(16)]


def test_what_stands_still_has_no_rows() -> None:
    assert len(motion_descriptors(small_greys(STILL), 0.125, 0.3)) == 0


def test_erratic_motion_accelerates_more_than_walking() -> None:
    (walk_speed, walk_acceleration), (blow_speed, blow_acceleration) = motion(WALK), motion(BLOWS)
    assert walk_speed > 0
    assert blow_acceleration / blow_speed > 1.5 * walk_acceleration / walk_speed


def test_half_the_frame_rate_is_the_same_speed() -> None:
    assert motion(WALK[::2], 0.25)[0] == pytest.approx(motion(WALK)[0], rel=0.5)


def test_a_turning_camera_moves_nothing_but_the_edge() -> None:
    rows = motion_descriptors(small_greys(TURN), 0.125, 60 / 180)
    cells = 3 * 11 * 20
    assert len(rows) < 0.25 * cells


def test_the_box_is_where_it_moves() -> None:
    x1, y1, x2, y2 = motion_box(small_greys(BLOWS), 60 / 180)
    assert x1 < 115 / 320 < x2
    assert y1 < 90 / 180 < y2


@pytest.mark.parametrize(
    ("pictures", "interval_s"),
    [
        pytest.param(STILL[:3], 0.125, id="too few"),
        pytest.param([*STILL[:5], STILL[0][:90]], 0.125, id="two sizes"),
        pytest.param(STILL, 0.0, id="no time"),
    ],
)
def test_unfit_clips_are_refused(pictures: list[Picture], interval_s: float) -> None:
    with pytest.raises(ValueError, match="expected at least 4 pictures"):
        motion_descriptors(small_greys(pictures), interval_s, 0.3)
