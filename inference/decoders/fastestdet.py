"""FastestDet (dog-qiuqiu, 2022): one level of stride 16, with objectness, box and class probabilities for each cell.

Channel layout: objectness, x, y, width, height, one probability for each class. The centre is tanh of x and y from the
corner of the cell, in cells; the size is the sigmoid of width and height, in shares of the picture. Source:
https://github.com/dog-qiuqiu/FastestDet (README and example/onnx-runtime).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.decoders.boxes import Boxes, corners_of
from inference.images import FloatArray

_FIRST_CLASS = 5
_OBJECT_POWER, _CLASS_POWER = 0.6, 0.4


def decode(outputs: Sequence[FloatArray], size: tuple[int, int], least_score: float) -> Boxes:
    """Boxes of one picture, overlaps and all, in any order.

    Args:
        outputs: one, (5 + classes, rows, columns) float32.
        size: width and height of the model's input.
        least_score: of what is kept: objectness to the power of .6 times class probability to the power of .4.

    Raises:
        ValueError: the output is not of this layout.
    """
    if len(outputs) != 1 or outputs[0].ndim != 3 or len(outputs[0]) <= _FIRST_CLASS:
        raise ValueError(f"expected an output (5 + classes, rows, columns), got {[o.shape for o in outputs]}")
    rows, columns = outputs[0].shape[1:]
    cells = outputs[0].reshape(len(outputs[0]), -1)
    chances = cells[_FIRST_CLASS:]
    scores = cells[0] ** _OBJECT_POWER * chances.max(axis=0) ** _CLASS_POWER
    kept = np.flatnonzero(scores >= least_score)
    cells = cells[:, kept]
    corner = np.stack([kept % columns, kept // columns])
    centre = (np.tanh(cells[1:3]) + corner) / np.array([[columns], [rows]], np.float32)
    sides = 1 / (1 + np.exp(-cells[3:5]))
    centred = np.concatenate([centre, sides]).T * np.array([*size, *size], np.float32)
    return Boxes(corners_of(centred.astype(np.float32)), scores[kept], cells[_FIRST_CLASS:].argmax(axis=0))
