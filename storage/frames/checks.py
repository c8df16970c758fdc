"""What every frame store takes."""

from __future__ import annotations

import math

import numpy as np

from core.types import Picture

MAX_CAPTURED_AT = 9e9
"""The year 2255: seq, the microseconds of it, is exact as a float64 until then, the only number that Lua has."""


def check_frame(pixels: Picture, captured_at: float) -> None:
    """Refuse what is no frame.

    Raises:
        ValueError: the pixels are not (height, width, 3) uint8, or the time is not in seconds since the epoch.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(
            f"Expected pixels of shape (height, width, 3) and type uint8; got {pixels.shape} {pixels.dtype}."
        )
    if not (math.isfinite(captured_at) and 0 <= captured_at <= MAX_CAPTURED_AT):
        raise ValueError(f"Expected captured_at in seconds since the epoch; got {captured_at}.")
