"""Pictures that show their number, to be read again after encoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from core.types import Picture

COUNTER_BITS = 16


def numbered_frames(count: int, width: int = 320, height: int = 240) -> Iterator[Picture]:
    """A box that moves over a gradient; a row of squares along the top holds the frame's number in binary.

    Yields:
        (height, width, 3) BGR pictures, numbered from 0. ``read_counter`` reads the number.
    """
    across = np.linspace(0, 255, width, dtype=np.uint8)[None, :].repeat(height, axis=0)
    down = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, axis=1)
    background = np.stack([across, down, across // 2 + down // 2], axis=-1)
    edges = np.linspace(0, width, COUNTER_BITS + 1, dtype=int)
    box = height // 4
    for number in range(count):
        picture = background.copy()
        left = number * 4 % (width - box)
        picture[height // 2 : height // 2 + box, left : left + box] = (40, 200, 40)
        for bit in range(COUNTER_BITS):
            picture[: width // COUNTER_BITS, edges[bit] : edges[bit + 1]] = 255 * (number >> bit & 1)
        yield picture


def read_counter(picture: npt.NDArray[Any]) -> int:
    """The number that ``numbered_frames`` drew; ``picture``: (height, width, 3) uint8, of any size."""
    width = picture.shape[1]
    square = width / COUNTER_BITS
    row = picture[int(square / 2)].mean(axis=-1)
    return sum(1 << bit for bit in range(COUNTER_BITS) if row[int((bit + 0.5) * square)] > 127)
