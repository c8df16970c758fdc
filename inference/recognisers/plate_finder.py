"""Where plates are, with their corners, by a YOLOv5-face model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.types import Box, Picture
from inference.decoders import yolov5_face
from inference.images import FloatArray, Placement, letterbox, to_batch
from inference.session import ModelSession

_LEAST_SCORE = 0.05
"""Low, since what is found is read, and what cannot be read is dropped. Plates of two rows often have no more."""

_MOST_OVERLAP = 0.5
_DOUBLE_ROW = 1


@dataclass(frozen=True, slots=True)
class FoundPlate:
    """A plate, in pixels of the picture."""

    box: Box
    corners: FloatArray
    """(4, 2): top left, top right, bottom right, bottom left."""
    score: float
    double_row: bool
    """Whether the number stands in two rows."""


class PlateFinder:
    """Plates in pictures."""

    def __init__(self, session: ModelSession) -> None:
        self._session = session
        rows, columns = session.input_shape[2:]
        if rows is None or columns is None:
            raise ValueError(f"expected a model of fixed input size, got {session.input_shape}")
        self._size = columns, rows

    def find(self, pictures: Sequence[Picture]) -> list[list[FoundPlate]]:
        """Find plates, best first for each picture."""
        boxed = [letterbox(picture, *self._size) for picture in pictures]
        batch = to_batch([canvas for canvas, _ in boxed], colour="RGB", mean=0.0, scale=1 / 255)
        outputs = self._session.run(batch)[0]
        return [_decode(rows, placed) for rows, (_, placed) in zip(outputs, boxed, strict=True)]


def _decode(rows: FloatArray, placed: Placement) -> list[FoundPlate]:
    found = yolov5_face.decode(rows, least_score=_LEAST_SCORE, most_overlap=_MOST_OVERLAP)
    boxes = placed.to_picture(found.boxes.reshape(-1, 2, 2)).reshape(-1, 4)
    corners = placed.to_picture(found.corners)
    return [
        FoundPlate((float(x1), float(y1), float(x2), float(y2)), quad, float(score), bool(row_class == _DOUBLE_ROW))
        for (x1, y1, x2, y2), quad, score, row_class in zip(boxes, corners, found.scores, found.classes, strict=True)
    ]
