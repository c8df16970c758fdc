"""The second look at a plate: find the rows of text on it, and read them until two readings agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np

from core.types import Box, Picture
from inference.decoders.ctc import Line
from inference.decoders.db_text import TextBox
from inference.images import FloatArray, quad_size, warp_quad
from inference.recognisers.plate_finder import FoundPlate
from inference.recognisers.plate_reading import best_reading
from inference.text.finder import TextFinder, canvas_for
from inference.text.reader import Strip, TextReader
from inference.text.rows import join_rows

_LOOKS = (((0.0, -0.08), 4.0), ((0.02, -0.05), 0.0))
"""Margin and least aspect: a plate seen from the side has narrow characters, and is easier to read when widened."""

_SURE_CHARACTER = 0.7
_LONG_SIDE = 192
_BESIDE_REGION = 0.4
_ABOVE_REGION = {False: 0.5, True: 1.3}
"""And below it, of the plate's height, for a plate with one row and one that may have two."""

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
        """Whether the number may: then the detector often marks, and the first look reads, little but one of them."""
        return self.found.double_row or (len(self.reading.text) <= _MOST_IN_ROW and self._aspect < _ROW_ASPECT)

    @property
    def _aspect(self) -> float:
        width, height = quad_size(self.found.corners)
        return width / max(height, 1.0)


@dataclass(frozen=True, slots=True)
class _Region:
    """A plate with its surroundings, straightened."""

    picture: Picture
    plate: Box
    """Where the plate is in it."""
    transform: FloatArray
    """(3, 3): from here to the camera's picture."""

    def to_picture(self, points: FloatArray) -> FloatArray:
        """Points (N, 2) from here to the camera's picture."""
        return cast("FloatArray", cv2.perspectiveTransform(points[None], self.transform)[0])


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
                readings[i].append(sum((next(lines) for _ in several), Line("", ())))
        return [
            replace(plate, reading=best_reading(several), rows=tuple(rows))
            for plate, several, rows in zip(plates, readings, all_rows, strict=True)
        ]

    def _find_rows(self, plates: Sequence[ReadPlate]) -> list[list[FloatArray]]:
        regions = [_straighten(plate) for plate in plates]
        pictures = [region.picture for region in regions]
        found = self._lines.find(pictures, [canvas_for(picture, _LONG_SIDE) for picture in pictures])
        return [
            [region.to_picture(row) for row in _rows_of(boxes, region, plate)]
            for plate, region, boxes in zip(plates, regions, found, strict=True)
        ]


def _agree(readings: list[Line]) -> bool:
    """Whether a text was read twice, at least once without a doubtful character."""
    surest: dict[str, float] = {}
    for reading in readings:
        sure = min(reading.confidences, default=0.0)
        if max(sure, surest.get(reading.text, sure)) >= _SURE_CHARACTER and reading.text in surest:
            return True
        surest[reading.text] = max(sure, surest.get(reading.text, 0.0))
    return False


def _straighten(plate: ReadPlate) -> _Region:
    """The plate and its surroundings, seen from the front: there its rows are level, and what is beside them apart."""
    width, height = (max(1, round(size)) for size in quad_size(plate.found.corners))
    beside, above = _BESIDE_REGION * width, _ABOVE_REGION[plate.may_have_two_rows] * height
    columns, rows = round(width + 2 * beside), round(height + 2 * above)
    right, bottom = beside + width, above + height
    flat = np.array([[beside, above], [right, above], [right, bottom], [beside, bottom]], np.float32)
    to_picture = cast("FloatArray", cv2.getPerspectiveTransform(flat, plate.found.corners))
    margin = beside / width, above / height
    picture = warp_quad(plate.picture, plate.found.corners, columns, rows, margin)
    return _Region(picture, (beside, above, right, bottom), to_picture)


def _rows_of(boxes: list[TextBox], region: _Region, plate: ReadPlate) -> list[FloatArray]:
    """The row of the number, the largest on the plate, and a second one of like size where there may be two."""
    # Stickers beside the plate must not be joined to its number.
    beside = [box for box in boxes if _is_level_with(box, region.plate)]
    rows = [row.corners for row in join_rows(beside) if _may_be_number(row.corners, region.plate, plate)]
    if not rows:
        return []
    largest = max(rows, key=lambda corners: float(np.prod(quad_size(corners))))
    return [row for row in rows if row is largest or (plate.may_have_two_rows and _is_other_row(row, largest))]


def _is_level_with(box: TextBox, plate: Box) -> bool:
    x = float(box.corners[:, 0].mean())
    slack = _MOST_BESIDE * (plate[2] - plate[0])
    return plate[0] - slack <= x <= plate[2] + slack


def _may_be_number(row: FloatArray, box: Box, plate: ReadPlate) -> bool:
    x, y = row.mean(axis=0)
    x1, y1, x2, y2 = box
    beyond = _ABOVE_REGION[True] * (y2 - y1) if plate.may_have_two_rows else 0.0
    least_width = _LEAST_ROW_WIDTH[plate.may_have_two_rows] * (x2 - x1)
    return bool(x1 <= x <= x2 and y1 - beyond <= y <= y2 + beyond and quad_size(row)[0] >= least_width)


def _is_other_row(row: FloatArray, largest: FloatArray) -> bool:
    height, other = quad_size(largest)[1], quad_size(row)[1]
    distance = abs(float(row[:, 1].mean() - largest[:, 1].mean()))
    return _LEAST_ROW_RATIO * height <= other <= height / _LEAST_ROW_RATIO and distance <= height + other
