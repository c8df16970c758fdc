"""NanoDet, NanoDet-Plus and PicoDet: class scores and distances to the four sides as distributions.

Generalised focal loss (Li et al., 2020): each distance is the mean of a distribution over 0, 1, … ``reg_max`` strides.
Exports differ in their number of outputs and in their names, and some names are wrong, so outputs are told by shape.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.decoders.boxes import Boxes
from inference.decoders.grid import grid_of, strides_for
from inference.images import FloatArray

DISTANCES = (32, 68)
"""Sizes of four distributions: ``reg_max`` 7 (NanoDet, PicoDet) and 16."""

_CENTRE = 0.5
_PLUS_CENTRE = 0.0
"""NanoDet-Plus measures from the corner of a cell, the others from its middle."""


def decode(outputs: Sequence[FloatArray], size: tuple[int, int], least_score: float) -> Boxes:
    """Boxes of one picture, overlaps and all, in any order.

    Args:
        outputs: for each level (cells, classes), scores after the sigmoid, and (cells, 4 * (reg_max + 1)), in any
            order; or one (cells, classes + 32) for all levels.
        size: width and height of the model's input.
        least_score: of what is kept.

    Raises:
        ValueError: the outputs are not of this layout.
    """
    if len(outputs) == 1:
        chances, distances, centre = outputs[0][:, : -DISTANCES[0]], outputs[0][:, -DISTANCES[0] :], _PLUS_CENTRE
    else:
        chances, distances = _by_shape(outputs)
        centre = _CENTRE
    grid = grid_of(size, strides_for(len(chances), size))
    scores = chances.max(axis=1)
    kept = np.flatnonzero(scores >= least_score)
    cells, strides = grid.cells[kept], grid.strides[kept]
    sides = _means(distances[kept]) * strides
    middle = (cells + centre) * strides
    limits = np.array([size[0], size[1]], np.float32)
    boxes = np.hstack([np.maximum(middle - sides[:, :2], 0), np.minimum(middle + sides[:, 2:], limits)])
    return Boxes(boxes, scores[kept], chances[kept].argmax(axis=1))


def split(shapes: Sequence[tuple[int | None, ...]]) -> tuple[list[int], list[int]]:
    """Which outputs are scores and which distances, both by falling number of cells.

    Args:
        shapes: (cells, classes or distances) of each output.

    Raises:
        ValueError: they are not pairs of the same cells, or it cannot be told which is which.
    """
    if len(shapes) % 2 or any(len(shape) != 2 for shape in shapes):
        raise ValueError(f"expected for each level (cells, classes) and (cells, 4 * (reg_max + 1)), got {list(shapes)}")
    for width in DISTANCES:
        distances = [i for i, shape in enumerate(shapes) if shape[1] == width]
        scores = [i for i, shape in enumerate(shapes) if shape[1] != width]
        by_cells = [sorted(several, key=lambda i: -(shapes[i][0] or 0)) for several in (scores, distances)]
        if [shapes[i][0] for i in by_cells[0]] == [shapes[i][0] for i in by_cells[1]]:
            return by_cells[0], by_cells[1]
    raise ValueError(f"expected for each level (cells, classes) and (cells, 32), got {list(shapes)}")


def _by_shape(outputs: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    scores, distances = split([output.shape for output in outputs])
    return np.concatenate([outputs[i] for i in scores]), np.concatenate([outputs[i] for i in distances])


def _means(distances: FloatArray) -> FloatArray:
    """(N, 4 * bins) logits to (N, 4) mean bins: left, top, right, bottom."""
    logits = distances.reshape(len(distances), 4, distances.shape[1] // 4)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    means: FloatArray = weights @ np.arange(logits.shape[2], dtype=np.float32)
    return means
