"""A frame as one value: what was packed is read, and whatever else is there is refused."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import FrameRef
from storage.frames.jpeg_frame import HEADER_BYTES, MAGIC, FrameFormatError, StoredFrame, packed_rest

PICTURE = np.full((30, 40, 3), 120, np.uint8)
WRITER = bytes(8)


def value_of(seq: int, captured_at: float) -> bytes:
    """As the script in Redis puts it together."""
    return MAGIC + seq.to_bytes(8, "big") + WRITER + packed_rest(PICTURE, captured_at)


@pytest.mark.parametrize(
    ("seq", "captured_at"),
    [
        pytest.param(1, 0.0, id="the first"),
        pytest.param(1_795_435_200_123_456, 1_795_435_200.123456, id="of today"),
        pytest.param(2**53 - 1, 9e9, id="the last"),
    ],
)
def test_what_is_packed_is_read(seq: int, captured_at: float) -> None:
    stored = StoredFrame.of(7, value_of(seq, captured_at))
    assert stored.ref == FrameRef(7, seq, captured_at, width=40, height=30)
    frame = stored.decode()
    assert frame.ref == stored.ref
    assert frame.jpeg == stored.jpeg_frame().jpeg
    assert np.abs(frame.pixels.astype(int) - 120).max() <= 2


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: MAGIC + rest))
def test_anything_else_is_refused(value: bytes) -> None:
    with pytest.raises(FrameFormatError, match="camera 7"):
        StoredFrame.of(7, value).decode()


def test_a_jpeg_that_claims_to_be_huge_is_refused() -> None:
    value = bytearray(value_of(5, 1.0))
    size_at = value.index(b"\xff\xc0") + 5  # height and width in the frame header of the JPEG
    value[size_at : size_at + 4] = b"\xfd\xe8\xfd\xe8"
    with pytest.raises(FrameFormatError, match="found no JPEG"):
        StoredFrame.of(7, bytes(value)).decode()


@given(st.data())
def test_a_damaged_value_never_breaks_its_reader(data: st.DataObject) -> None:
    value = bytearray(value_of(5, 1.0))
    for place in data.draw(st.lists(st.integers(HEADER_BYTES, len(value) - 1), max_size=8)):
        value[place] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(value)))
    with contextlib.suppress(FrameFormatError):  # or a picture of the right size, however it looks
        assert StoredFrame.of(7, bytes(value[:cut])).decode().pixels.shape == PICTURE.shape
