"""Which frames make a clip due, and what is stored of them."""

from __future__ import annotations

import numpy as np
import pytest

from capture.clips import ClipFeeder
from core.errors import UnavailableError
from core.recognitions import ClipShape
from core.types import FrameRef, Picture

SHAPE = ClipShape(frames=16, least_frames=8, span_s=2.5, stride_s=0.5, width=320)


class Shelf:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[tuple[int, tuple[int, ...], float]] = []
        self.is_full = False

    def write_clip_picture(self, camera_id: int, pixels: Picture, captured_at: float) -> None:
        if self.is_full:
            raise UnavailableError("full")
        self.written.append((camera_id, pixels.shape, captured_at))


def frame(camera_id: int, at_s: float, size: tuple[int, int] = (360, 640)) -> tuple[FrameRef, Picture]:
    return FrameRef(camera_id, round(at_s * 1e6), at_s, size[1], size[0]), np.zeros((*size, 3), np.uint8)


def due(feeder: ClipFeeder, times: list[float], camera_id: int = 1) -> list[float]:
    return [at_s for at_s in times if feeder.offer("violence", SHAPE, *frame(camera_id, at_s))]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param([n / 8 for n in range(13)], [0.0, 0.5, 1.0, 1.5], id="8 frames/s"),
        pytest.param([n / 1.0 for n in range(4)], [0.0, 1.0, 2.0, 3.0], id="slower than the stride: each"),
        pytest.param([100.0, 100.2, 50.0, 50.2, 50.5], [100.0, 50.0, 50.5], id="the clock is set back"),
    ],
)
def test_a_clip_is_due_at_each_stride(times: list[float], expected: list[float]) -> None:
    shelf = Shelf()
    assert due(ClipFeeder(shelf), times) == expected
    assert [at_s for _, _, at_s in shelf.written] == times, "every picture is part of a clip"


@pytest.mark.parametrize(
    ("size", "stored"),
    [
        pytest.param((360, 640), (180, 320, 3), id="wide"),
        pytest.param((240, 320), (240, 320, 3), id="as it is"),
        pytest.param((90, 160), (90, 160, 3), id="small ones are not blown up"),
        pytest.param((1, 4000), (1, 320, 3), id="a strip"),
    ],
)
def test_pictures_are_stored_small(size: tuple[int, int], stored: tuple[int, ...]) -> None:
    shelf = Shelf()
    ClipFeeder(shelf).offer("violence", SHAPE, *frame(1, 1.0, size))
    assert shelf.written[0][1] == stored


def test_cameras_have_strides_of_their_own_and_are_forgotten() -> None:
    feeder = ClipFeeder(Shelf())
    assert due(feeder, [1.0], 1) == due(feeder, [1.0], 2) == [1.0]
    assert due(feeder, [1.1], 1) == []
    feeder.forget(1)
    assert (due(feeder, [1.2], 1), due(feeder, [1.2], 2)) == ([1.2], [])


def test_a_full_store_is_told() -> None:
    shelf = Shelf()
    shelf.is_full = True
    with pytest.raises(UnavailableError):
        ClipFeeder(shelf).offer("violence", SHAPE, *frame(1, 1.0))
