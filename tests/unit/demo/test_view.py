"""The renderer of the generated street."""

from __future__ import annotations

import numpy as np
import pytest

from app.demo.view import Camera, Canvas, polygon
from core.types import Picture

WIDTH, HEIGHT = 200, 100
RED = (0, 0, 255)


@pytest.fixture
def canvas() -> Canvas:
    """Seen by a camera one metre above the ground, looking straight ahead."""
    camera = Camera((0.0, 1.0, 0.0), yaw_deg=0, pitch_deg=0, focal_px=100, width=WIDTH, height=HEIGHT)
    return Canvas(np.zeros((HEIGHT, WIDTH, 3), np.uint8), camera)


def upright(left: float, right: float, low: float, high: float, z: float) -> np.ndarray:
    return polygon((left, high, z), (right, high, z), (right, low, z), (left, low, z))


def painted(picture: Picture) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is not black."""
    rows, columns = np.nonzero(picture.any(axis=-1))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_a_square_is_where_a_pinhole_camera_sees_it(canvas: Canvas) -> None:
    canvas.fill(upright(-1, 1, 0.5, 1.5, z=5), RED)
    assert painted(canvas.picture) == pytest.approx((80, 40, 120, 60), abs=1)


def test_farther_is_smaller_and_hazier(canvas: Canvas) -> None:
    canvas.fill(upright(-1, 1, 0, 2, z=5), RED)
    near = canvas.picture[50, 100].copy()
    canvas.picture[:] = 0
    canvas.fill(upright(-1, 1, 0, 2, z=100), RED)
    far = canvas.picture[50, 100]
    assert painted(canvas.picture) == pytest.approx((99, 49, 101, 51), abs=1)
    assert far[0] > near[0]
    assert far[2] < near[2]


@pytest.mark.parametrize(
    ("pitch_deg", "yaw_deg", "moves"),
    [pytest.param(5, 0, (0, -1), id="down: things move up"), pytest.param(0, 5, (-1, 0), id="right: things move left")],
)
def test_a_turned_camera(pitch_deg: float, yaw_deg: float, moves: tuple[int, int]) -> None:
    camera = Camera((0.0, 1.0, 0.0), yaw_deg=yaw_deg, pitch_deg=pitch_deg, focal_px=100, width=WIDTH, height=HEIGHT)
    pixel = camera.project(camera.seen(polygon((0, 1, 10))))[0]
    shift = np.tan(np.radians(5)) * 100
    assert pixel == pytest.approx(np.array([100, 50]) + np.array(moves) * shift)


@pytest.mark.parametrize(("z", "is_seen"), [(-3.0, False), (0.1, False), (3.0, True)])
def test_what_is_behind_is_not_painted(canvas: Canvas, z: float, is_seen: bool) -> None:
    canvas.fill(upright(-1, 1, 0, 2, z), RED)
    assert bool(canvas.picture.any()) is is_seen


def test_the_ground_under_the_camera_is_cut(canvas: Canvas) -> None:
    canvas.fill(polygon((-50, 0, -5), (50, 0, -5), (50, 0, 500), (-50, 0, 500)), RED)
    assert canvas.picture[HEIGHT - 1].any(axis=-1).all()
    assert not canvas.picture[: HEIGHT // 2 - 1].any()


def test_a_face_turned_away_is_left_out(canvas: Canvas) -> None:
    corners = upright(-1, 1, 0, 2, z=5)
    canvas.fill_solid(corners[::-1], RED)
    assert not canvas.picture.any()
    canvas.fill_solid(corners, RED)
    assert canvas.picture.any()


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(-1.0, (80, 40, 120, 60), id="within"),
        pytest.param(4.0, (180, 40, 199, 60), id="over the edge"),
        pytest.param(40.0, None, id="outside"),
    ],
)
def test_a_pasted_picture(canvas: Canvas, left: float, expected: tuple[int, int, int, int] | None) -> None:
    texture = np.full((50, 100, 3), 255, np.uint8)
    texture[:, :50] = (0, 0, 255)
    canvas.paste(upright(left, left + 2, 0.5, 1.5, z=5), texture)
    if expected is None:
        assert not canvas.picture.any()
        return
    assert painted(canvas.picture) == pytest.approx(expected, abs=1)
    assert canvas.picture[50, expected[0] + 5].tolist() == [0, 0, 255]
