"""Pictures as clients want them: smaller, with zones drawn, as JPEG."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from app.api.errors import ApiError
from core.types import Picture, Zone
from storage.media import decode_jpeg, encode_jpeg

INCLUDE_BGR, EXCLUDE_BGR = (80, 200, 80), (60, 60, 230)
BLACK_BGR = (0, 0, 0)


def narrow(pixels: Picture, width: int | None) -> Picture:
    """The picture at that width, its shape kept; as it is where it is no wider."""
    height_now, width_now = pixels.shape[:2]
    if width is None or width >= width_now:
        return pixels
    height = max(1, round(height_now * width / width_now))
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def narrow_jpeg(data: bytes, width: int | None) -> bytes:
    """The same for JPEG bytes, which are not decoded where nothing is to be done.

    Raises:
        ApiError: 404, the file is no picture.
    """
    if width is None:
        return data
    pixels = decode_jpeg(data)
    if pixels is None:
        raise ApiError(404, "picture_broken", "The stored file is not a picture.")
    narrowed = narrow(pixels, width)
    return data if narrowed is pixels else encode_jpeg(narrowed)


def draw_zones(pixels: Picture, zones: Sequence[Zone]) -> Picture:
    """A copy with the outline and name of each zone: green what counts, red what does not."""
    drawn = pixels.copy()
    height, width = drawn.shape[:2]
    thickness = max(1, width // 480)
    for zone in zones:
        colour = INCLUDE_BGR if zone.kind == "include" else EXCLUDE_BGR
        corners = np.array([(x * (width - 1), y * (height - 1)) for x, y in zone.points]).round().astype(np.int32)
        cv2.polylines(drawn, [corners.reshape(-1, 1, 2)], True, colour, thickness, cv2.LINE_AA)
        _write(drawn, zone.name, corners.mean(axis=0), colour, thickness)
    return drawn


def _write(
    drawn: Picture,
    text: str,
    centre: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    colour: tuple[int, int, int],
    thickness: int,
) -> None:
    text = text.encode("ascii", "replace").decode()  # OpenCV's fonts have no other letters
    scale = max(0.4, drawn.shape[1] / 1280)
    (text_width, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    place = (int(centre[0] - text_width / 2), int(centre[1] + text_height / 2))
    for line_colour, line_thickness in ((BLACK_BGR, thickness + 2), (colour, thickness)):
        cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, line_colour, line_thickness, cv2.LINE_AA)
