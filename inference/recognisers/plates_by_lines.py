"""Plates without a plate detector: read every line of text, and judge by the text whether it is a plate's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np

from core.types import Detection, Picture
from inference.decoders.ctc import Line
from inference.images import FloatArray, order_corners, quad_size
from inference.recognisers.plate_reading import (
    best_first,
    best_reading,
    bounding_box,
    plate_detection,
    plate_likeness,
)
from inference.text.finder import TextFinder, canvas_for
from inference.text.reader import Strip, TextReader
from inference.text.rows import join_rows

_LONG_SIDE = 640
_MARGINS = ((0.02, -0.05), (0.0, -0.08))
_LEAST_HEIGHT = 8.0
_ASPECTS = (1.5, 9.0)
_LEAST_CONFIDENCE = 0.6

_MOST_IN_ROW = 5
_LEAST_ROW_ASPECT = 0.8
_LEAST_ROW_RATIO = 0.6
_MOST_ROW_SHIFT = 0.3
_ROW_DISTANCES = (0.7, 1.8)
"""Between the middles of two rows of one plate, in heights of the taller one."""


class PlatesByLines:
    """A text detector on every picture; slower than a plate detector, and fooled by other writing."""

    def __init__(self, lines: TextFinder, reader: TextReader) -> None:
        self._lines = lines
        self._reader = reader

    def recognise(self, pictures: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        """Plates of each picture, best first."""
        boxes = self._lines.find(pictures, [canvas_for(picture, _LONG_SIDE) for picture in pictures])
        rows = [[row.corners for row in join_rows(several) if _may_be_row(row.corners)] for several in boxes]
        strips = [
            Strip(picture, row, margin)
            for picture, several in zip(pictures, rows, strict=True)
            for row in several
            for margin in _MARGINS
        ]
        lines = iter(self._reader.read(strips))
        read = [[_Row.of(row, best_reading([next(lines) for _ in _MARGINS])) for row in several] for several in rows]
        return [best_first(_judge([*filter(_may_be_plate, several), *_stacked(several)])) for several in read]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of text, or two that stand one above the other on a plate, and what it says."""

    corners: FloatArray
    reading: Line
    height: float
    """Of its characters."""

    @classmethod
    def of(cls, corners: FloatArray, reading: Line) -> _Row:
        """One row."""
        return cls(corners, reading, quad_size(corners)[1])


def _may_be_row(corners: FloatArray) -> bool:
    width, height = quad_size(corners)
    return height >= _LEAST_HEIGHT and _LEAST_ROW_ASPECT <= width / height <= _ASPECTS[1]


def _may_be_plate(row: _Row) -> bool:
    return quad_size(row.corners)[0] >= _ASPECTS[0] * row.height


def _stacked(rows: Sequence[_Row]) -> list[_Row]:
    """Short rows of one size, one above the other, as plates of motorcycles have them."""
    pairs = [(upper, lower) for upper, lower in permutations(rows, 2) if _are_stacked(upper, lower)]
    return [
        _Row(_around(upper.corners, lower.corners), upper.reading + lower.reading, (upper.height + lower.height) / 2)
        for upper, lower in pairs
    ]


def _are_stacked(upper: _Row, lower: _Row) -> bool:
    height = max(upper.height, lower.height)
    shift, distance = lower.corners.mean(axis=0) - upper.corners.mean(axis=0)
    widest = max(quad_size(row.corners)[0] for row in (upper, lower))
    return bool(
        max(len(upper.reading.text), len(lower.reading.text)) <= _MOST_IN_ROW
        and min(upper.height, lower.height) >= _LEAST_ROW_RATIO * height
        and abs(shift) <= _MOST_ROW_SHIFT * widest
        and _ROW_DISTANCES[0] * height <= distance <= _ROW_DISTANCES[1] * height
    )


def _around(upper: FloatArray, lower: FloatArray) -> FloatArray:
    """Corners of the smallest quadrilateral with right angles around two rows."""
    points = np.concatenate([upper, lower])
    return order_corners(cv2.boxPoints(cv2.minAreaRect(points)).astype(np.float32))


def _judge(rows: Sequence[_Row]) -> list[Detection]:
    """Score what looks like a plate. Shop signs and model names are mostly smaller than the plate of the same car."""
    likely = [r for r in rows if plate_likeness(r.reading.text) > 0 and r.reading.confidence >= _LEAST_CONFIDENCE]
    tallest = max((row.height for row in likely), default=1.0)
    return [
        plate_detection(
            row.corners,
            bounding_box(row.corners),
            row.reading.text,
            row.reading.confidence**2 * plate_likeness(row.reading.text) * (row.height / tallest) ** 0.5,
        )
        for row in likely
    ]
