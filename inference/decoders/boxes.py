"""What every detector's decoder gives, and what they share: the best of overlapping boxes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.types import Keypoint
from inference.images import FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """N boxes of one picture, in pixels of the model's input."""

    boxes: FloatArray
    """(N, 4): x1, y1, x2, y2."""
    scores: FloatArray
    """(N,), 0 to 1."""
    classes: IntArray
    """(N,)."""
    points: FloatArray | None = None
    """(N, K, 3): x, y and score (0 to 1) of K points, where the model gives them."""

    def __len__(self) -> int:
        return len(self.scores)

    def of_classes(self, wanted: IntArray) -> Boxes:
        """Those whose class is among these."""
        return self.take(np.isin(self.classes, wanted))

    def take(self, which: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Boxes:
        """Some of them: indices (M,) or a mask (N,)."""
        points = None if self.points is None else self.points[which]
        return Boxes(self.boxes[which], self.scores[which], self.classes[which], points)


def without_overlaps(found: Boxes, most_overlap: float) -> Boxes:
    """Greedy non-maximum suppression within each class, best first.

    Args:
        found: in any order.
        most_overlap: intersection over union above which the worse of two boxes goes.
    """
    if not len(found):
        return found
    sides = np.hstack([found.boxes[:, :2], found.boxes[:, 2:] - found.boxes[:, :2]])
    kept = cv2.dnn.NMSBoxesBatched(
        sides.tolist(), found.scores.tolist(), found.classes.tolist(), score_threshold=0.0, nms_threshold=most_overlap
    )
    indices = np.asarray(kept, np.int64).reshape(-1)
    return found.take(indices[np.argsort(-found.scores[indices], kind="stable")])


def best_first(found: Boxes) -> Boxes:
    """In the order of their scores, for models whose boxes do not overlap."""
    return found.take(np.argsort(-found.scores, kind="stable"))


def corners_of(centred: FloatArray) -> FloatArray:
    """Boxes (N, 4) of centre x, centre y, width, height to x1, y1, x2, y2."""
    half = centred[:, 2:4] / 2
    return np.hstack([centred[:, :2] - half, centred[:, :2] + half])


def as_keypoints(points: FloatArray) -> tuple[Keypoint, ...]:
    """(K, 3) of x, y and score as plain numbers."""
    return tuple((float(x), float(y), float(score)) for x, y, score in points)
