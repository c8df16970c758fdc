"""The second look at a plate: find the rows of text on it, and read them until two readings agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.types import Picture
from inference.decoders.ctc import Line
from inference.decoders.db_text import TextBox
from inference.images import FloatArray, quad_size
from inference.recognisers.plate_finder import FoundPlate
from inference.recognisers.plate_reading import best_reading
from inference.text.finder import TextFinder, canvas_for
from inference.text.reader import Strip, TextReader
from inference.text.rows import join_rows

_LOOKS = (((0.0, -0.08), 4.0), ((0.02, -0.05), 0.0))
"""Margin and least aspect: a plate seen from the side has narrow characters, and is easier to read when widened."""

_LONG_SIDE = 256
_BESIDE_REGION = 0.4
_BELOW_REGION = 0.5
_ABOVE_REGION = {False: 0.5, True: 1.3}
"""Of the plate's height, for a plate with one row and one that may have two."""

_MOST_BESIDE = 0.1

_SINGLE_LINE_ASPECT = 2.6
"""Narrower plates (Americas, Japan, motorcycles) have small print or a second row beside the number."""

_MOST_IN_ROW = 5
_ROW_ASPECT = 4.0
_LEAST_ROW_RATIO = 0.6
_LEAST_ROW_WIDTH = {False: 0.4, True: 0.2}
"""Of the plate's width, for a plate with one row and one that may have two."""


@dataclass(frozen=True, slots=True)
class ReadPlate:
    """A plate of one of several pictures, and what it says."""

    index: int
    """Of the picture."""
    picture: Picture
    found: FoundPlate
    reading: Line
    rows: tuple[FloatArray, ...] = ()
    """Corners of the rows that were read, where there was a second look."""

    @property
    def is_high(self) -> bool:
        """Whether there may be more on the plate than one line."""
        return self.found.double_row or self._aspect < _SINGLE_LINE_ASPECT

    @property
    def may_have_two_rows(self) -> bool:
        """Whether the number may: then the detector often marks, and the first look reads, little but the lower one."""
        text = self.reading.text
        is_short = len(text) <= _MOST_IN_ROW and any(c.isdigit() for c in text)
        return self.found.double_row or (is_short and self._aspect < _ROW_ASPECT)

    @property
    def _aspect(self) -> float:
        width, height = quad_size(self.found.corners)
        return width / max(height, 1.0)


class SecondLook:
    """Slower and surer than the first look; all plates in doubt of all pictures share its batches."""

    def __init__(self, lines: TextFinder, reader: TextReader) -> None:
        self._lines = lines
        self._reader = reader

    def look(self, plates: Sequence[ReadPlate]) -> list[ReadPlate]:
        """The plates with the reading that has most for it; the first one where no text is found."""
        all_rows = self._find_rows(plates)
        # The first look at two rows at once, or at small print, is no witness.
        readings = [
            [] if rows and (plate.is_high or len(rows) > 1) else [plate.reading]
            for plate, rows in zip(plates, all_rows, strict=True)
        ]
        for margin, least_aspect in _LOOKS:
            unsettled = [i for i, rows in enumerate(all_rows) if rows and not _agree(readings[i])]
            strips = [[Strip(plates[i].picture, row, margin, least_aspect) for row in all_rows[i]] for i in unsettled]
            lines = iter(self._reader.read([strip for several in strips for strip in several]))
            for i, several in zip(unsettled, strips, strict=True):
                readings[i].append(_joined([next(lines) for _ in several]))
        return [
            replace(plate, reading=best_reading(several), rows=tuple(rows))
            for plate, several, rows in zip(plates, readings, all_rows, strict=True)
        ]

    def _find_rows(self, plates: Sequence[ReadPlate]) -> list[list[FloatArray]]:
        spans = [_region(plate) for plate in plates]
        regions = [plate.picture[y1:y2, x1:x2] for plate, (x1, y1, x2, y2) in zip(plates, spans, strict=True)]
        found = self._lines.find(regions, [canvas_for(region, _LONG_SIDE) for region in regions])
        return [
            _rows_of([replace(box, corners=box.corners + np.array(span[:2], np.float32)) for box in boxes], plate)
            for plate, span, boxes in zip(plates, spans, found, strict=True)
        ]


def _agree(readings: list[Line]) -> bool:
    texts = [reading.text for reading in readings]
    return len(set(texts)) < len(texts)


def _joined(lines: list[Line]) -> Line:
    return Line("".join(line.text for line in lines), tuple(c for line in lines for c in line.confidences))


def _region(plate: ReadPlate) -> tuple[int, int, int, int]:
    """The plate and its surroundings, x1, y1, x2, y2, at least one pixel of the picture."""
    x1, y1, x2, y2 = plate.found.box
    rows, columns = plate.picture.shape[:2]
    beside, height = _BESIDE_REGION * (x2 - x1), y2 - y1
    left = int(np.clip(x1 - beside, 0, columns - 1))
    top = int(np.clip(y1 - _ABOVE_REGION[plate.may_have_two_rows] * height, 0, rows - 1))
    right = int(np.clip(x2 + beside, left + 1, columns))
    return left, top, right, int(np.clip(y2 + _BELOW_REGION * height, top + 1, rows))


def _rows_of(boxes: list[TextBox], plate: ReadPlate) -> list[FloatArray]:
    """The row of the number, the largest on the plate, and a second one of like size where there may be two."""
    # Stickers beside the plate must not be joined to its number.
    beside = [box for box in boxes if _is_level_with(box, plate.found)]
    rows = [row.corners for row in join_rows(beside) if _may_be_number(row.corners, plate)]
    if not rows:
        return []
    largest = max(rows, key=lambda corners: float(np.prod(quad_size(corners))))
    return [row for row in rows if row is largest or (plate.may_have_two_rows and _is_other_row(row, largest))]


def _is_level_with(box: TextBox, found: FoundPlate) -> bool:
    x = float(box.corners[:, 0].mean())
    slack = _MOST_BESIDE * (found.box[2] - found.box[0])
    return found.box[0] - slack <= x <= found.box[2] + slack


def _may_be_number(row: FloatArray, plate: ReadPlate) -> bool:
    x, y = row.mean(axis=0)
    x1, y1, x2, y2 = plate.found.box
    top = y1 - _ABOVE_REGION[True] * (y2 - y1) if plate.may_have_two_rows else y1
    least_width = _LEAST_ROW_WIDTH[plate.may_have_two_rows] * quad_size(plate.found.corners)[0]
    return bool(x1 <= x <= x2 and top <= y <= y2 and quad_size(row)[0] >= least_width)


def _is_other_row(row: FloatArray, largest: FloatArray) -> bool:
    height, other = quad_size(largest)[1], quad_size(row)[1]
    distance = abs(float(row[:, 1].mean() - largest[:, 1].mean()))
    return _LEAST_ROW_RATIO * height <= other <= height / _LEAST_ROW_RATIO and distance <= height + other
