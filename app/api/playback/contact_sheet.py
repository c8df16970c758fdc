"""A contact sheet: one picture of many thumbnails, each with its time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from core.clock import iso_utc
from core.types import Picture
from storage.media import decode_jpeg, encode_jpeg

DEFAULT_WIDTH = 1280
SPACE_PX = 4
_LARGEST_THUMBNAIL_PX = 480
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def contact_sheet(frames: Sequence[tuple[bytes, float]], width: int | None = None) -> bytes | None:
    """JPEGs with their times (seconds since the epoch) → one JPEG, by rows; None where none is a picture.

    Args:
        frames: In the order in which they are shown.
        width: Of the sheet, in pixels; there are about as many columns as rows.
    """
    pictures = [(pixels, at) for jpeg, at in frames if (pixels := decode_jpeg(jpeg)) is not None]
    if not pictures:
        return None
    columns = math.ceil(math.sqrt(len(pictures)))
    width = min(width or DEFAULT_WIDTH, columns * (_LARGEST_THUMBNAIL_PX + SPACE_PX))
    cell_w = max(8, (width - SPACE_PX * (columns - 1)) // columns)
    height_now, width_now = pictures[0][0].shape[:2]
    cell_h = max(8, round(cell_w * height_now / width_now))
    rows = math.ceil(len(pictures) / columns)
    shape = (rows * (cell_h + SPACE_PX) - SPACE_PX, columns * (cell_w + SPACE_PX) - SPACE_PX, 3)
    sheet: Picture = np.zeros(shape, np.uint8)
    for place, (pixels, at) in enumerate(pictures):
        top, left = (place // columns) * (cell_h + SPACE_PX), (place % columns) * (cell_w + SPACE_PX)
        sheet[top : top + cell_h, left : left + cell_w] = _thumbnail(pixels, cell_w, cell_h, at)
    return encode_jpeg(sheet)


def _thumbnail(pixels: Picture, width: int, height: int, at: float) -> Picture:
    """The picture in the cell, its shape kept, black around it where the camera changed its shape."""
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    size = (max(1, min(width, round(pixels.shape[1] * scale))), max(1, min(height, round(pixels.shape[0] * scale))))
    cell: Picture = np.zeros((height, width, 3), np.uint8)
    cell[: size[1], : size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    text = iso_utc(at)[:19].replace("T", " ")
    text_scale = max(0.3, width / 480)
    for colour, thickness in ((_BLACK, 3), (_WHITE, 1)):
        cv2.putText(cell, text, (4, height - 6), cv2.FONT_HERSHEY_SIMPLEX, text_scale, colour, thickness, cv2.LINE_AA)
    return cell
