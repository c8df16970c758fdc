"""The grids of anchor-free detectors: one cell for each place of each level, levels one after another, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from inference.images import FloatArray

USUAL_STRIDES = (8, 16, 32)
STRIDES = (USUAL_STRIDES, (8, 16, 32, 64), (16, 32), (16,), (32,), (8,))
"""Levels of public models, the usual first."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """N cells."""

    cells: FloatArray
    """(N, 2): column and row."""
    strides: FloatArray
    """(N, 1), in input pixels."""


@lru_cache(maxsize=32)
def grid_of(size: tuple[int, int], strides: Sequence[int]) -> Grid:
    """The grid of a model with input (width, height) in pixels; sizes that no stride divides are rounded up."""
    levels = [(-(-size[0] // stride), -(-size[1] // stride), stride) for stride in strides]
    cells = [np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).reshape(-1, 2) for w, h, _ in levels]
    repeated = [np.full((w * h, 1), stride) for w, h, stride in levels]
    return Grid(np.concatenate(cells).astype(np.float32), np.concatenate(repeated).astype(np.float32))


def strides_for(cells: int, size: tuple[int, int]) -> tuple[int, ...]:
    """The levels with this many cells together.

    Raises:
        ValueError: no usual set of levels has so many.
    """
    for strides in STRIDES:
        if len(grid_of(size, strides).cells) == cells:
            return strides
    usual = len(grid_of(size, USUAL_STRIDES).cells)
    raise ValueError(
        f"expected the cells of a grid over an input of {size[0]} x {size[1]} pixels, {usual} with strides "
        f"{', '.join(map(str, USUAL_STRIDES))}; got {cells}"
    )
