"""Whether a model computes the same elsewhere: in half precision, on another device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

MOST_DEVIATION = 0.05
"""Of the largest value of an output. Half precision has three digits, of which layers eat one."""
_TINY = 1e-30


class Runs(Protocol):
    """A loaded model."""

    def run(self, batch: npt.NDArray[Any], /) -> list[npt.NDArray[Any]]:
        """Its outputs for a batch."""


def deviation(reference: Runs, candidate: Runs, batch: npt.NDArray[Any]) -> float:
    """How far the candidate's outputs lie from the reference's, as a share of each output's largest value.

    Infinite where shapes differ, and where the candidate gives no number that the reference gives.

    Args:
        reference: what is right.
        candidate: what is judged.
        batch: what both are given.
    """
    expected, found = reference.run(batch), candidate.run(batch)
    if len(expected) != len(found):
        return float("inf")
    return max((_of_output(a, b) for a, b in zip(expected, found, strict=True)), default=0.0)


def sample_input(shape: Sequence[int], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """A smooth picture-like input, always the same: a constant would hide what contrast brings out.

    Integers and large ranges are not told apart from normalised ones: values lie in 0 … 255 for uint8, else in 0 … 1.
    """
    waves = [np.sin(np.linspace(0.3 * axis, 3.0 * (axis + 1), size)) for axis, size in enumerate(shape)]
    total = sum(wave.reshape([-1 if i == axis else 1 for i in range(len(shape))]) for axis, wave in enumerate(waves))
    values = (np.asarray(total) / len(shape) + 1) / 2
    return (values * 255 if np.dtype(kind) == np.uint8 else values).astype(kind)


def _of_output(expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> float:
    if expected.shape != found.shape:
        return float("inf")
    if expected.size == 0:
        return 0.0
    a, b = expected.astype(np.float64), found.astype(np.float64)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return float("inf")
    a, b = np.nan_to_num(a, posinf=0, neginf=0), np.nan_to_num(b, posinf=0, neginf=0)
    largest = float(np.abs(a).max())
    return float(np.abs(a - b).max()) / max(largest, _TINY)
