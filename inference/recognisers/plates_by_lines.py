"""Plates without a plate detector: read every line of text, and judge by the text whether it is a plate's."""

from __future__ import annotations

from collections.abc import Sequence

from core.types import Detection, Picture
from inference.decoders.ctc import Line
from inference.images import FloatArray, quad_size
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


class PlatesByLines:
    """A text detector on every picture; slower than a plate detector, and fooled by other writing."""

    def __init__(self, lines: TextFinder, reader: TextReader) -> None:
        self._lines = lines
        self._reader = reader

    def recognise(self, pictures: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        """Plates of each picture, best first."""
        boxes = self._lines.find(pictures, [canvas_for(picture, _LONG_SIDE) for picture in pictures])
        rows = [[row.corners for row in join_rows(several) if _may_be_plate(row.corners)] for several in boxes]
        strips = [
            Strip(picture, row, margin)
            for picture, several in zip(pictures, rows, strict=True)
            for row in several
            for margin in _MARGINS
        ]
        lines = iter(self._reader.read(strips))
        return [
            best_first(_judge([(row, best_reading([next(lines) for _ in _MARGINS])) for row in several]))
            for several in rows
        ]


def _may_be_plate(corners: FloatArray) -> bool:
    width, height = quad_size(corners)
    return height >= _LEAST_HEIGHT and _ASPECTS[0] <= width / height <= _ASPECTS[1]


def _judge(readings: Sequence[tuple[FloatArray, Line]]) -> list[Detection]:
    """Score what looks like a plate. Shop signs and model names are mostly smaller than the plate of the same car."""
    likely = [(c, r) for c, r in readings if plate_likeness(r.text) > 0 and r.confidence >= _LEAST_CONFIDENCE]
    tallest = max((quad_size(corners)[1] for corners, _ in likely), default=1.0)
    return [
        plate_detection(
            corners,
            bounding_box(corners),
            reading.text,
            reading.confidence**2 * plate_likeness(reading.text) * (quad_size(corners)[1] / tallest) ** 0.5,
        )
        for corners, reading in likely
    ]
