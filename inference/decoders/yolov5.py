"""YOLOv5 (Jocher et al., 2020) and what exports the same rows: YOLOv6, YOLOv7, and YOLOX with its grid decoded.

Row layout: centre x, centre y, width, height in input pixels; objectness and one probability for each class, after the
sigmoid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.decoders.boxes import Boxes, corners_of
from inference.images import FloatArray

FIRST_CLASS = 5


def decode(outputs: Sequence[FloatArray], _: tuple[int, int], least_score: float) -> Boxes:
    """Boxes of one picture, overlaps and all, in any order.

    Args:
        outputs: one, (rows, 5 + classes) float32.
        _: width and height of the input, which the layout does not depend on.
        least_score: of what is kept, objectness times class probability.

    Raises:
        ValueError: the output is not of this layout.
    """
    check(outputs)
    # Objectness bounds the score, so most of the thousands of rows need no further arithmetic.
    rows = outputs[0][outputs[0][:, 4] >= least_score]
    chances = rows[:, 4:5] * rows[:, FIRST_CLASS:]
    scores = chances.max(axis=1, initial=0.0)
    kept = np.flatnonzero(scores >= least_score)
    return Boxes(corners_of(rows[kept, :4]), scores[kept], chances[kept].argmax(axis=1))


def check(outputs: Sequence[FloatArray]) -> None:
    """Refuse outputs of another layout.

    Raises:
        ValueError: as `decode`.
    """
    if len(outputs) != 1 or outputs[0].ndim != 2 or outputs[0].shape[1] <= FIRST_CLASS:
        raise ValueError(f"expected an output (rows, {FIRST_CLASS} + classes), got {[o.shape for o in outputs]}")
