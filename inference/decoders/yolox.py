"""YOLOX (Ge et al., 2021): the raw grid, as its ``export_onnx.py`` writes it without ``--decode_in_inference``.

Row layout: x and y relative to the cell, logarithm of width and height, all in strides; objectness and one probability
for each class, both after the sigmoid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.decoders import yolov5
from inference.decoders.boxes import Boxes
from inference.decoders.grid import grid_of, strides_for
from inference.images import FloatArray


def decode(outputs: Sequence[FloatArray], size: tuple[int, int], least_score: float) -> Boxes:
    """Boxes of one picture, overlaps and all, in any order.

    Args:
        outputs: one, (cells, 5 + classes) float32.
        size: width and height of the model's input.
        least_score: of what is kept, objectness times class probability.

    Raises:
        ValueError: the output is not of this layout.
    """
    yolov5.check(outputs)
    rows = outputs[0]
    grid = grid_of(size, strides_for(len(rows), size))
    hopeful = np.flatnonzero(rows[:, 4] >= least_score)
    rows, cells, strides = rows[hopeful], grid.cells[hopeful], grid.strides[hopeful]
    decoded = np.hstack([(rows[:, :2] + cells) * strides, np.exp(rows[:, 2:4]) * strides, rows[:, 4:]])
    return yolov5.decode([decoded], size, least_score)
