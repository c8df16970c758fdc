"""Boxes after suppression in the graph: YOLOv10 (Wang et al., 2024), YOLO26, and Ultralytics' ``nms=True``.

Row layout: x1, y1, x2, y2 in input pixels, score, class; for pose x, y, visibility of each point follow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.decoders.boxes import Boxes
from inference.images import FloatArray

_FIRST_POINT = 6


def decode(outputs: Sequence[FloatArray], _: tuple[int, int], least_score: float) -> Boxes:
    """Boxes of one picture.

    Args:
        outputs: one, (rows, 6) or (rows, 6 + 3 * points) float32.
        _: width and height of the input, which the layout does not depend on.
        least_score: of what is kept.

    Raises:
        ValueError: the output is not of this layout.
    """
    if len(outputs) != 1 or outputs[0].ndim != 2 or outputs[0].shape[1] < _FIRST_POINT or outputs[0].shape[1] % 3:
        raise ValueError(f"expected an output (rows, 6) or (rows, 6 + 3 * points), got {[o.shape for o in outputs]}")
    rows = outputs[0][outputs[0][:, 4] >= least_score]
    points = (
        rows[:, _FIRST_POINT:].reshape(len(rows), (rows.shape[1] - _FIRST_POINT) // 3, 3)
        if rows.shape[1] > _FIRST_POINT
        else None
    )
    return Boxes(rows[:, :4], rows[:, 4], np.rint(rows[:, 5]).astype(np.int64), points)
