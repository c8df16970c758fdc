"""Whether a model computes the same elsewhere: in half precision, on another device."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from inference.shapes import Shape

MOST_DEVIATION = 0.1
"""Rounded to half precision after each layer, detectors deviate by up to 0.05, one whose detections are gone by 1."""

_LEAST_SCALE = 0.01
"""Scores below it decide nothing, so that rounding them is no fault."""
_TINY = 1e-30
_BLOCK = 16

_log = logging.getLogger(__name__)


class Runs(Protocol):
    """A loaded model."""

    def run(self, batch: npt.NDArray[Any], /) -> list[npt.NDArray[Any]]:
        """Its outputs for a batch."""


class Loaded(Runs, Protocol):
    """One that says what it takes."""

    path: Path
    input_shape: Shape
    input_type: np.dtype[Any]


def same_results(reference: Loaded, candidate: Runs, values: tuple[float, float] = (0.0, 1.0)) -> bool:
    """Whether the candidate, of half precision, may stand for the reference; logged where it may not.

    Args:
        reference: what is right; sizes that it leaves free are taken as 1.
        candidate: what is judged.
        values: as for `sample_input`.
    """
    shape = [size or 1 for size in reference.input_shape]
    found = deviation(reference, candidate, sample_input(shape, reference.input_type, values))
    if found <= MOST_DEVIATION:
        return True
    _log.warning(
        "%s runs in fp32: in fp16 its outputs differ by %.2g of their largest value, at most %.2g is allowed",
        reference.path.name,
        found,
        MOST_DEVIATION,
    )
    return False


def deviation(reference: Runs, candidate: Runs, batch: npt.NDArray[Any]) -> float:
    """How far the candidate's outputs lie from the reference's, as a share of the largest value.

    That of each output, and in a list of boxes that of each column: scores must not vanish beside coordinates.
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


def sample_input(shape: Sequence[int], kind: npt.DTypeLike, values: tuple[float, float] = (0, 1)) -> npt.NDArray[Any]:
    """Blocks with edges as in a picture, always the same: what is smooth shows models nothing that they know.

    Args:
        shape: of the input.
        kind: its type.
        values: least and largest that pictures have there; of uint8 always 0 and 255.
    """
    blocks = [_BLOCK if size >= 2 * _BLOCK else 1 for size in shape]
    pattern = np.random.default_rng(0).random([-(-size // block) for size, block in zip(shape, blocks, strict=True)])
    for axis, block in enumerate(blocks):
        pattern = pattern.repeat(block, axis)
    low, high = (0, 255) if np.dtype(kind) == np.uint8 else values
    return (low + (high - low) * pattern[tuple(slice(size) for size in shape)]).astype(kind)


def _of_output(expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> float:
    if expected.shape != found.shape:
        return float("inf")
    if expected.size == 0:
        return 0.0
    a, b = expected.astype(np.float64), found.astype(np.float64)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return float("inf")
    a, b = np.nan_to_num(a, posinf=0, neginf=0), np.nan_to_num(b, posinf=0, neginf=0)
    largest = np.abs(a).max()
    longest = int(np.argmax(a.shape)) if a.ndim else None
    # Many boxes of few numbers are a list: the longest axis counts them, whichever it is.
    if longest is not None and a.shape[longest] ** 2 >= 2 * a.size:
        largest = np.maximum(np.abs(a).max(longest, keepdims=True), min(largest, _LEAST_SCALE))
    return float((np.abs(a - b) / np.maximum(largest, _TINY)).max())
