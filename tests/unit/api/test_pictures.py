from __future__ import annotations

import numpy as np
import pytest

from app.api import mjpeg
from app.api.errors import ApiError
from app.api.pictures import EXCLUDE_BGR, INCLUDE_BGR, draw_zones, narrow, narrow_jpeg
from core.types import Picture, Zone
from storage.media import decode_jpeg, encode_jpeg


def grey(width: int, height: int) -> Picture:
    return np.full((height, width, 3), 128, np.uint8)


@pytest.mark.parametrize(
    ("width", "expected"),
    [(None, (640, 360)), (640, (640, 360)), (9999, (640, 360)), (320, (320, 180)), (16, (16, 9))],
    ids=["as it is", "as wide", "wider", "half", "least"],
)
def test_pictures_get_narrower_never_wider(width: int | None, expected: tuple[int, int]) -> None:
    narrowed = narrow(grey(640, 360), width)
    assert (narrowed.shape[1], narrowed.shape[0]) == expected


def test_jpeg_bytes_are_touched_only_when_they_must_be() -> None:
    data = encode_jpeg(grey(64, 32))
    assert narrow_jpeg(data, None) is data
    assert narrow_jpeg(data, 64) is data
    small = decode_jpeg(narrow_jpeg(data, 32))
    assert small is not None
    assert small.shape == (16, 32, 3)


def test_a_broken_file_is_no_picture() -> None:
    with pytest.raises(ApiError, match="not a picture"):
        narrow_jpeg(b"\xff\xd8 torn", 32)


def test_zones_are_outlined_in_their_colours_on_a_copy() -> None:
    picture = grey(640, 480)
    zones = [
        Zone("yard", "include", ((0.1, 0.1), (0.4, 0.1), (0.4, 0.9), (0.1, 0.9))),
        Zone("Straße", "exclude", ((0.6, 0.1), (0.9, 0.1), (0.9, 0.9), (0.6, 0.9))),
    ]
    drawn = draw_zones(picture, zones)
    assert (picture == 128).all()
    left, right = (64, 200), (575, 200)  # on the left outline of each, away from its name
    for (x, y), colour in ((left, INCLUDE_BGR), (right, EXCLUDE_BGR)):
        near = drawn[y, x - 2 : x + 12 if x > 320 else x + 3].reshape(-1, 3).astype(int)
        assert min(np.abs(near - colour).sum(axis=1)) < 30


def test_a_part_ends_with_the_next_boundary() -> None:
    part = mjpeg.part(b"JPEG", 0.0)
    head, _, rest = part.partition(b"\r\n\r\n")
    assert b"Content-Length: 4" in head
    assert b"X-Captured-At: 1970-01-01T00:00:00.000Z" in head
    assert rest == b"JPEG\r\n--frame\r\n"
