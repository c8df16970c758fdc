"""What plates say, by a PP-OCR text recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.types import Picture
from inference.decoders import ctc
from inference.decoders.ctc import Line
from inference.grouping import map_by_group
from inference.images import FloatArray, quad_size, to_batch, warp_quad
from inference.session import ModelSession
from inference.text.alphabet import PROVINCES, PlateAlphabet

HEIGHT = 48
"""Rows of the recogniser's input."""

_WIDTH_STEP = 32
# The recogniser was trained on lines padded to the right: without the pad it loses the last character.
_LEAST_PAD = 32
_LEAST_WIDTH = 160
_MOST_CROP_WIDTH = 320
_MOST_WIDENING = 1.6
_GREY = 127
_MOST_IN_BATCH = 32
_LEAST_PROVINCE_CONFIDENCE = 0.8
_CHINESE_LENGTHS = (7, 8)


@dataclass(frozen=True, slots=True)
class Strip:
    """A line to be read: a quadrilateral of a picture."""

    picture: Picture
    corners: FloatArray
    """(4, 2): top left, top right, bottom right, bottom left."""
    margin: tuple[float, float] = (0.0, 0.0)
    """What is shown beyond the corners, as in `warp_quad`."""
    least_aspect: float = 0.0
    """Width / height to which a narrower strip is widened, by no more than `_MOST_WIDENING`."""


class TextReader:
    """The text of plates, A-Z and 0-9 (before them the province, in China)."""

    def __init__(self, session: ModelSession) -> None:
        """Session: of a recogniser whose file holds its alphabet, as RapidOCR exports them."""
        self._session = session
        characters = session.metadata.get("character", "").split("\n")
        # The exporter adds the space after the alphabet of the file.
        self._alphabet = PlateAlphabet([*characters, " "])

    def read(self, strips: Sequence[Strip]) -> list[Line]:
        """Read each strip; strips of like width share a batch."""
        crops = [_straighten(strip) for strip in strips]
        widths = [padded_width(crop.shape[1]) for crop in crops]
        return map_by_group(list(zip(crops, widths, strict=True)), widths, self._read_alike, most=_MOST_IN_BATCH)

    def _read_alike(self, crops: list[tuple[Picture, int]]) -> list[Line]:
        canvas = np.full((len(crops), HEIGHT, crops[0][1], 3), _GREY, np.uint8)
        for row, (crop, _) in zip(canvas, crops, strict=True):
            row[:, : crop.shape[1]] = crop
        batch = to_batch(list(canvas), colour="BGR", mean=127.5, scale=1 / 127.5)
        probabilities = self._alphabet.fold(self._session.run(batch)[0])
        lines = ctc.decode(probabilities, self._alphabet.symbols)
        return [without_stray_provinces(line) for line in lines]


def padded_width(width: int) -> int:
    """Columns of the recogniser's input for a crop of that width."""
    return max(_LEAST_WIDTH, -(-(width + _LEAST_PAD) // _WIDTH_STEP) * _WIDTH_STEP)


def strip_width(corners: FloatArray, margin: tuple[float, float] = (0.0, 0.0), least_aspect: float = 0.0) -> int:
    """Columns of a strip, straightened to `HEIGHT` rows."""
    width, height = quad_size(corners)
    aspect = width * (1 + 2 * margin[0]) / max(height * (1 + 2 * margin[1]), 1.0)
    aspect = max(aspect, min(least_aspect, aspect * _MOST_WIDENING))
    return round(min(max(HEIGHT * aspect, HEIGHT), _MOST_CROP_WIDTH))


def _straighten(strip: Strip) -> Picture:
    columns = strip_width(strip.corners, strip.margin, strip.least_aspect)
    return warp_quad(strip.picture, strip.corners, columns, HEIGHT, strip.margin)


def without_stray_provinces(line: Line) -> Line:
    """Keep a province's character only where a plate of China has it: first, sure, and before a letter."""
    text, sure = line.text, line.confidences
    chinese = (
        len(text) in _CHINESE_LENGTHS
        and text[0] in PROVINCES
        and sure[0] >= _LEAST_PROVINCE_CONFIDENCE
        and "A" <= text[1] <= "Z"
    )
    kept = [i for i, c in enumerate(text) if c not in PROVINCES or (chinese and i == 0)]
    return Line("".join(text[i] for i in kept), tuple(sure[i] for i in kept))
