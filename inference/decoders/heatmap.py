"""Pose as heat maps (Newell et al., 2016; HRNet, ViTPose): for each point a map with its peak where the point is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.images import FloatArray

_SHIFT = 0.25
"""Of a cell, towards the higher neighbour: the usual correction of the coarse grid."""


def decode(outputs: Sequence[FloatArray], size: tuple[int, int]) -> FloatArray:
    """Points (K, 3) of one person: x and y in input pixels, score 0 to 1.

    Args:
        outputs: one, (K, rows, columns) float32.
        size: width and height of the model's input.

    Raises:
        ValueError: the output is not of this layout.
    """
    if len(outputs) != 1 or outputs[0].ndim != 3:
        raise ValueError(f"expected an output (points, rows, columns), got {[o.shape for o in outputs]}")
    maps = outputs[0]
    _, rows, columns = maps.shape
    y, x = np.divmod(maps.reshape(len(maps), -1).argmax(axis=1), columns)
    # Mirrored, so that a peak on the edge has equal neighbours and is not shifted along that axis.
    around = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    k = np.arange(len(maps))
    shift_x = _SHIFT * np.sign(around[k, y + 1, x + 2] - around[k, y + 1, x])
    shift_y = _SHIFT * np.sign(around[k, y + 2, x + 1] - around[k, y, x + 1])
    points = [(x + shift_x) * size[0] / columns, (y + shift_y) * size[1] / rows, np.clip(maps[k, y, x], 0, 1)]
    return np.stack(points, axis=1).astype(np.float32)
