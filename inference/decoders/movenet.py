"""MoveNet single pose (Google, 2021): one row for each of the 17 points of COCO, in shares of the input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.images import FloatArray


def decode(outputs: Sequence[FloatArray], size: tuple[int, int]) -> FloatArray:
    """Points (K, 3) of one picture: x and y in pixels of the model's input, score 0 to 1.

    Args:
        outputs: one, (1, K, 3) or (K, 3) float32 of y, x, score.
        size: width and height of the model's input.

    Raises:
        ValueError: rows are not of this layout.
    """
    rows = outputs[0]
    if rows.shape[-1] != 3 or rows.size != rows.shape[-2] * 3:
        raise ValueError(f"expected one person's points (1, points, 3), got {rows.shape}")
    y, x, score = rows.reshape(-1, 3).T
    return np.stack([x * size[0], y * size[1], score], axis=1).astype(np.float32)
