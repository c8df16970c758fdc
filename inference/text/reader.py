"""What plates say, by any text recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.plates import PROVINCES
from core.types import Picture
from inference.decoders import ctc
from inference.decoders.ctc import Line
from inference.images import FloatArray, quad_size, warp_quad
from inference.session import ModelError
from inference.text.alphabet import PlateAlphabet
from inference.text.model import TextModel

HEIGHT = 48
"""Rows of a straightened strip: those of the input of the default recogniser."""

_MOST_CROP_WIDTH = 320
_MOST_WIDENING = 1.6
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

    def __init__(self, model: TextModel) -> None:
        """Model: any whose alphabet has A-Z and 0-9.

        Raises:
            ModelError: its alphabet lacks some of them.
        """
        self._model = model
        try:
            self._alphabet = PlateAlphabet(model.characters)
        except ValueError as error:
            raise ModelError(f"Model {model.model} cannot read plates: {error}.") from error

    def read(self, strips: Sequence[Strip]) -> list[Line]:
        """Read each strip."""
        return self._model.interpret([_straighten(strip) for strip in strips], self._lines)

    def _lines(self, probabilities: FloatArray) -> list[Line]:
        lines = ctc.decode(self._alphabet.fold(probabilities), self._alphabet.symbols)
        return [without_stray_provinces(line) for line in lines]


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
