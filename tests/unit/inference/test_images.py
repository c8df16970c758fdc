from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.images import check_pictures, letterbox, order_corners, quad_size, to_batch, warp_quad

QUAD = np.array([[10, 20], [90, 22], [88, 50], [12, 48]], np.float32)


@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from([(320, 320), (640, 96)]))
def test_letterbox_fits_is_centred_and_its_inverse_is_exact(width: int, height: int, size: tuple[int, int]) -> None:
    canvas, placed = letterbox(np.zeros((height, width, 3), np.uint8), *size)

    assert canvas.shape == (size[1], size[0], 3)
    shown = np.argwhere((canvas == 0).all(axis=2))
    (top, left), (bottom, right) = shown.min(axis=0), shown.max(axis=0) + 1
    assert (placed.left, placed.top) == (left, top)
    assert abs((size[0] - right) - left) <= 1
    assert abs((size[1] - bottom) - top) <= 1
    points = np.array([[0, 0], [width, height]], np.float32)
    there = points * placed.scale + [placed.left, placed.top]
    np.testing.assert_allclose(placed.to_picture(there.astype(np.float32)), points, atol=width * 1e-3 + 1)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [pytest.param("BGR", [-1.0, 0.0, 1.0], id="BGR"), pytest.param("RGB", [1.0, 0.0, -1.0], id="RGB")],
)
def test_to_batch_orders_and_scales_channels(colour: str, expected: list[float]) -> None:
    picture = np.full((2, 4, 3), (0, 100, 200), np.uint8)

    batch = to_batch([picture, picture], colour=colour, mean=100, scale=0.01)  # type: ignore[arg-type]

    assert batch.shape == (2, 3, 2, 4)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[1, :, 1, 3], expected, atol=1e-6)


def test_to_batch_equals_opencv(rng: np.random.Generator) -> None:
    pictures = [rng.integers(0, 256, (7, 5, 3), np.uint8) for _ in range(3)]
    reference = cv2.dnn.blobFromImages(pictures, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)
    np.testing.assert_allclose(to_batch(pictures, colour="RGB", mean=127.5, scale=1 / 127.5), reference, atol=1e-6)


def test_to_batch_refuses_pictures_of_two_sizes() -> None:
    with pytest.raises(ValueError, match="pictures of one size"):
        to_batch([np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)], colour="BGR", mean=0, scale=1)


@given(st.permutations(range(4)))
def test_corners_come_in_one_order_whatever_order_they_had(order: list[int]) -> None:
    np.testing.assert_array_equal(order_corners(QUAD[order]), QUAD)


def test_quad_size_is_the_mean_of_opposite_sides() -> None:
    assert quad_size(np.array([[0, 0], [10, 0], [8, 4], [2, 4]], np.float32)) == pytest.approx((8, 20**0.5))


def test_warp_straightens_a_slanted_quadrilateral() -> None:
    picture = np.zeros((80, 120, 3), np.uint8)
    cv2.fillConvexPoly(picture, QUAD.astype(np.int32), (255, 255, 255))

    inside = warp_quad(picture, QUAD, 100, 40, (-0.05, -0.1))
    around = warp_quad(picture, QUAD, 100, 40, (0.1, 0.25))

    assert inside.shape == (40, 100, 3)
    assert inside.mean() > 250
    # A margin of a quarter on each side leaves two thirds of the height to the plate.
    rows = around[:, 50, 0] > 127
    assert rows.sum() / 40 == pytest.approx(1 / 1.5, abs=0.1)
    assert not around[:3].any()


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(np.zeros((4, 4), np.uint8), id="grey"),
        pytest.param(np.zeros((4, 4, 4), np.uint8), id="with alpha"),
        pytest.param(np.zeros((4, 4, 3), np.float32), id="floats"),
        pytest.param(np.zeros((0, 4, 3), np.uint8), id="empty"),
    ],
)
def test_what_is_no_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected \(height, width, 3\) uint8, got .* at 1"):
        check_pictures([np.zeros((4, 4, 3), np.uint8), picture])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)
