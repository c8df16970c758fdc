"""YOLOv8 and YOLO11 (Ultralytics, 2023 and 2024), detect and pose: one column for each cell, no objectness.

Column layout: centre x, centre y, width, height in input pixels; then one probability for each class, or, for pose, the
probability of a person and x, y (input pixels) and visibility (after the sigmoid) of each point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.decoders.boxes import Boxes, corners_of
from inference.images import FloatArray

_FIRST_CLASS = 4
_FIRST_POINT = 5


def decode(outputs: Sequence[FloatArray], _: tuple[int, int], least_score: float) -> Boxes:
    """Boxes of one picture, overlaps and all, in any order.

    Args:
        outputs: one, (4 + classes, cells) float32.
        _: width and height of the input, which the layout does not depend on.
        least_score: of what is kept.

    Raises:
        ValueError: the output is not of this layout.
    """
    if len(outputs) != 1 or outputs[0].ndim != 2 or not _FIRST_CLASS < len(outputs[0]) < outputs[0].shape[1]:
        raise ValueError(f"expected an output (4 + classes, cells), got {[o.shape for o in outputs]}")
    columns = outputs[0]
    scores = columns[_FIRST_CLASS:].max(axis=0)
    kept = np.flatnonzero(scores >= least_score)
    columns = columns[:, kept]
    return Boxes(corners_of(columns[:4].T), scores[kept], columns[_FIRST_CLASS:].argmax(axis=0))


def decode_pose(outputs: Sequence[FloatArray], _: tuple[int, int], least_score: float) -> Boxes:
    """Boxes with points of one picture.

    Args:
        outputs: one, (5 + 3 * points, cells) float32.
        _: width and height of the input, which the layout does not depend on.
        least_score: of what is kept.

    Raises:
        ValueError: the output is not of this layout.
    """
    if len(outputs) != 1 or outputs[0].ndim != 2 or (len(outputs[0]) - _FIRST_POINT) % 3 or len(outputs[0]) < 8:
        raise ValueError(f"expected an output (5 + 3 * points, cells), got {[o.shape for o in outputs]}")
    kept = np.flatnonzero(outputs[0][4] >= least_score)
    rows = outputs[0][:, kept].T
    classes = np.zeros(len(kept), np.int64)
    return Boxes(
        corners_of(rows[:, :4]),
        rows[:, 4],
        classes,
        rows[:, _FIRST_POINT:].reshape(len(kept), (rows.shape[1] - _FIRST_POINT) // 3, 3),
    )
