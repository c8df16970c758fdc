"""The YOLOv5-face layout: boxes with landmark points, here the four corners of a plate.

Row layout, as exported by https://github.com/deepcam-cn/yolov5-face and used by HyperLPR's ``y5fu`` models: centre x,
centre y, width, height, objectness, four points x, y, then one probability for each class; all in input pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.images import FloatArray

POINTS = 4
_FIRST_POINT = 5
_FIRST_CLASS = _FIRST_POINT + 2 * POINTS


@dataclass(frozen=True, slots=True)
class CornerBoxes:
    """N boxes, best first, in pixels of the model's input."""

    boxes: FloatArray
    """(N, 4): x1, y1, x2, y2."""
    corners: FloatArray
    """(N, 4, 2) in the order in which the model was trained to give them."""
    scores: FloatArray
    """(N,): objectness times class probability."""
    classes: npt.NDArray[np.int64]
    """(N,)."""

    def __len__(self) -> int:
        return len(self.scores)


def decode(rows: FloatArray, *, least_score: float, most_overlap: float) -> CornerBoxes:
    """Keep the rows that score, without those that overlap a better one.

    Args:
        rows: (K, 13 + classes) float32, one picture's output.
        least_score: of what is kept.
        most_overlap: intersection over union above which the worse of two boxes goes, whatever their classes.

    Raises:
        ValueError: rows are not of this layout.
    """
    if rows.ndim != 2 or rows.shape[1] <= _FIRST_CLASS:
        raise ValueError(f"expected rows (K, {_FIRST_CLASS} + classes), got {rows.shape}")
    # Objectness bounds the score, so most of the thousands of rows need no further arithmetic.
    rows = rows[rows[:, 4] >= least_score]
    chances = rows[:, 4:5] * rows[:, _FIRST_CLASS:]
    classes = chances.argmax(axis=1)
    scores = chances.max(axis=1, initial=0.0)
    top_left = rows[:, :2] - rows[:, 2:4] / 2
    # OpenCV orders what it keeps by score, and wants boxes as x, y, width, height.
    kept = np.asarray(
        cv2.dnn.NMSBoxes(np.hstack([top_left, rows[:, 2:4]]).tolist(), scores.tolist(), least_score, most_overlap), int
    ).reshape(-1)
    return CornerBoxes(
        boxes=np.hstack([top_left, top_left + rows[:, 2:4]])[kept],
        corners=rows[kept, _FIRST_POINT:_FIRST_CLASS].reshape(-1, POINTS, 2),
        scores=scores[kept],
        classes=classes[kept],
    )
