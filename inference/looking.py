"""One look at one picture by any model: to try a file before it is taken, and to show what a model sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.types import Box, Detection, Picture
from inference.classifier import ClipClassifier, FrameClassifier
from inference.decoders.formats import (
    CLIP_CLASSES,
    DETECTION,
    EMBEDDING,
    FACES,
    FORMATS,
    FRAME_CLASSES,
    PLATES,
    POSE,
    TEXT_DETECTION,
    TEXT_RECOGNITION,
)
from inference.detector import LEAST_SCORE, Detector
from inference.embedder import Embedder
from inference.images import FloatArray
from inference.manifest import ModelEntry
from inference.poses import PoseEstimator
from inference.recognisers.plate_finder import PlateFinder
from inference.session import ModelError, ModelSession
from inference.text.finder import TextFinder, canvas_for
from inference.text.model import TextModel

_TEXT_SIDE = 640
_MOST_CLASSES = 5
_NUMBERS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Sight:
    """What a model sees in a picture."""

    detections: tuple[Detection, ...] = ()
    """Best first. Of a classifier, its likeliest labels, each for the whole picture."""
    points: tuple[FloatArray, ...] = ()
    """(K, 3) of each person: x, y in pixels, score."""
    note: str = ""
    """What cannot be drawn."""


def look(session: ModelSession, entry: ModelEntry, picture: Picture, persons: Sequence[Box] = ()) -> Sight:
    """Run a model on one picture (height, width, 3) uint8 BGR.

    A pose model gets the crops of ``persons``, or the whole picture where there are none; one that takes clips gets a
    clip of a still.

    Raises:
        ModelError: its outputs are not of the layout that its decoder reads, or there is no way to look by it alone.
    """
    task = FORMATS[entry.decoder].task if entry.decoder in FORMATS else entry.decoder
    if task not in {POSE, *_LOOKS}:
        raise ModelError(f"Model {entry.name} cannot be tried on a picture by itself: its decoder is {entry.decoder}.")
    try:
        if task == POSE:
            return _pose(session, entry, picture, persons)
        return _LOOKS[task](session, entry, picture)
    except ValueError as error:
        raise ModelError(f"Model {entry.name} cannot be used: {error}.") from error


def _objects(session: ModelSession, entry: ModelEntry, picture: Picture) -> Sight:
    detector = Detector(session, entry, least_score=LEAST_SCORE, labels=())
    (found,) = detector.find([picture])
    (detections,) = detector.detect([picture])
    return Sight(tuple(detections), () if found.points is None else tuple(found.points))


def _plates(session: ModelSession, _: ModelEntry, picture: Picture) -> Sight:
    (found,) = PlateFinder(session).find([picture])
    return Sight(tuple(_slanted("plate", plate.score, plate.corners) for plate in found))


def _text(session: ModelSession, _: ModelEntry, picture: Picture) -> Sight:
    (lines,) = TextFinder(session).find([picture], [canvas_for(picture, _TEXT_SIDE)])
    return Sight(tuple(_slanted("text", line.score, line.corners) for line in lines))


def _line(session: ModelSession, entry: ModelEntry, picture: Picture) -> Sight:
    (line,) = TextModel(session, entry).read([picture])
    read = Detection("text", line.confidence, _whole(picture), text=line.text)
    return Sight((read,), note="The whole picture was taken for one line of text.")


def _pose(session: ModelSession, entry: ModelEntry, picture: Picture, persons: Sequence[Box]) -> Sight:
    (points,) = PoseEstimator(session, entry).estimate([picture], [persons or [_whole(picture)]])
    note = "Of the persons that the detector found." if persons else "The whole picture was taken for one person."
    return Sight(points=tuple(points), note=note)


def _vector(session: ModelSession, entry: ModelEntry, picture: Picture) -> Sight:
    embedder = Embedder(session, entry)
    numbers = ", ".join(f"{number:.3f}" for number in embedder.embed([picture])[0, :_NUMBERS_SHOWN])
    return Sight(note=f"The whole picture was taken for one crop: {embedder.dimensions} numbers: {numbers}, …")


def _frame_classes(session: ModelSession, entry: ModelEntry, picture: Picture) -> Sight:
    return _likeliest(entry.labels, FrameClassifier(session, entry).classify([picture])[0], picture)


def _clip_classes(session: ModelSession, entry: ModelEntry, picture: Picture) -> Sight:
    classifier = ClipClassifier(session, entry)
    return _likeliest(entry.labels, classifier.classify([[picture] * classifier.length])[0], picture)


def _likeliest(labels: Sequence[str], chances: FloatArray, picture: Picture) -> Sight:
    order = np.argsort(-chances, kind="stable")[:_MOST_CLASSES]
    return Sight(tuple(Detection(labels[i], float(chances[i]), _whole(picture)) for i in order))


def _whole(picture: Picture) -> Box:
    return 0.0, 0.0, float(picture.shape[1]), float(picture.shape[0])


def _slanted(label: str, score: float, corners: FloatArray) -> Detection:
    (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
    points = tuple((float(x), float(y)) for x, y in corners)
    return Detection(label, score, (float(x1), float(y1), float(x2), float(y2)), corners=points)


_LOOKS: dict[str, Callable[[ModelSession, ModelEntry, Picture], Sight]] = {
    DETECTION: _objects,
    FACES: _objects,
    PLATES: _plates,
    TEXT_DETECTION: _text,
    TEXT_RECOGNITION: _line,
    EMBEDDING: _vector,
    FRAME_CLASSES: _frame_classes,
    CLIP_CLASSES: _clip_classes,
}
