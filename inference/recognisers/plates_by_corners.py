"""Plates by a detector that gives their corners: straighten, read, and look again where the reading is in doubt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.types import Detection, Picture
from inference.images import quad_size
from inference.recognisers.plate_finder import FoundPlate, PlateFinder
from inference.recognisers.plate_reading import (
    best_first,
    best_reading,
    bounding_box,
    plate_detection,
    plate_likeness,
    union,
)
from inference.recognisers.plate_second_look import ReadPlate, SecondLook
from inference.text.finder import TextFinder
from inference.text.reader import Strip, TextReader

_MARGIN = (0.02, 0.02)

_LEAST_WIDTH = 32.0
"""Pixels of a plate that can be read: 4 for each of 8 characters."""

_SURE_CHARACTER = 0.7
"""A reading whose every character is as likely as this needs no second look."""

_TWINS = "O0I1"
"""Characters that look the same on most plates, however often they are looked at."""

_MOST_WEAK = 3
"""Weak detections of a picture that are read."""

_LEAST_BESIDE_STRONG = 0.15
"""Score of a detection that is read beside a strong one: what is weaker is then mostly a part of the car."""

_SURE_READING = 0.8
_LEAST_READING = 0.5
_SURE_PLATE = 0.4
_FEWEST_CHARACTERS = 2


class PlatesByCorners:
    """Two models on every picture, a third on the few plates that are in doubt."""

    def __init__(self, plates: PlateFinder, reader: TextReader, lines: TextFinder) -> None:
        self._plates = plates
        self._reader = reader
        self._second_look = SecondLook(lines, reader)

    def recognise(self, pictures: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        """Plates of each picture, best first."""
        plates = self._first_look(pictures)
        sure = [plate for plate in plates if not _in_doubt(plate)]
        again = self._second_look.look([plate for plate in plates if _in_doubt(plate)])
        detections: list[list[Detection]] = [[] for _ in pictures]
        for plate in [*sure, *again]:
            if _is_readable(plate):
                detections[plate.index].append(_detection(plate))
        return [best_first(several) for several in detections]

    def _first_look(self, pictures: Sequence[Picture]) -> list[ReadPlate]:
        places = [
            (index, pictures[index], found)
            for index, several in enumerate(self._plates.find(pictures))
            for found in _worth_reading(several)
        ]
        readings = self._reader.read([Strip(picture, found.corners, _MARGIN) for _, picture, found in places])
        return [ReadPlate(*place, best_reading([reading])) for place, reading in zip(places, readings, strict=True)]


def _worth_reading(found: Sequence[FoundPlate]) -> list[FoundPlate]:
    """Large enough to be read, and of the weak ones, best first, only some."""
    large = [plate for plate in found if quad_size(plate.corners)[0] >= _LEAST_WIDTH]
    strong = [plate for plate in large if plate.score >= _SURE_PLATE]
    least_score = _LEAST_BESIDE_STRONG if strong else 0.0
    return [plate for plate in large[: len(strong) + _MOST_WEAK] if plate.score >= least_score]


def _in_doubt(plate: ReadPlate) -> bool:
    """Whether a second look may help."""
    reading = plate.reading
    telling = [c for character, c in zip(reading.text, reading.confidences, strict=True) if character not in _TWINS]
    is_unsure = min(telling, default=1.0) < _SURE_CHARACTER or plate.is_high or plate.may_have_two_rows
    if plate.found.score < _SURE_PLATE:
        is_text = len(reading.text) >= _FEWEST_CHARACTERS and reading.confidence >= _LEAST_READING
        return is_text and (is_unsure or not _is_readable(plate))
    return is_unsure


def _is_readable(plate: ReadPlate) -> bool:
    reading = plate.reading
    if len(reading.text) < _FEWEST_CHARACTERS or reading.confidence < _LEAST_READING:
        return False
    # A weak detection counts only where the text itself looks like a plate.
    return plate.found.score >= _SURE_PLATE or (
        plate_likeness(reading.text) > 0 and reading.confidence >= _SURE_READING
    )


def _detection(plate: ReadPlate) -> Detection:
    found = plate.found
    box = union(found.box, bounding_box(np.concatenate(plate.rows))) if plate.rows else found.box
    score = (found.score * plate.reading.confidence) ** 0.5
    return plate_detection(found.corners, box, plate.reading.text, score)
