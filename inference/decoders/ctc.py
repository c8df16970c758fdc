"""Connectionist temporal classification (Graves et al., 2006), best path: per-step probabilities to text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.images import FloatArray


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text as it was read."""

    text: str
    confidences: tuple[float, ...]
    """The probability of each character, at the step that shows it best."""

    @property
    def confidence(self) -> float:
        """The mean of the characters, 0 where there is none."""
        return sum(self.confidences) / len(self.confidences) if self.confidences else 0.0

    def __add__(self, other: Line) -> Line:
        """Both, one after the other."""
        return Line(self.text + other.text, self.confidences + other.confidences)

    def without(self, position: int) -> Line:
        """The line that is left when that character is taken out; the same line where there is no such character."""
        after = position + 1
        return Line(self.text[:position] + self.text[after:], self.confidences[:position] + self.confidences[after:])


def decode(probabilities: FloatArray, alphabet: Sequence[str]) -> list[Line]:
    """Read N lines.

    Args:
        probabilities: (N, steps, symbols) float32; symbol 0 is the blank.
        alphabet: the characters of symbols 1, 2, …; one or more letters each.

    Raises:
        ValueError: the alphabet and the number of symbols do not agree.
    """
    if probabilities.ndim != 3 or probabilities.shape[2] != len(alphabet) + 1:
        raise ValueError(
            f"expected probabilities (N, steps, {len(alphabet) + 1}) for an alphabet of {len(alphabet)} and the blank, "
            f"got {probabilities.shape}"
        )
    symbols = probabilities.argmax(axis=2)
    best = probabilities.max(axis=2)
    return [_line(*row, alphabet) for row in zip(symbols, best, strict=True)]


def _line(symbols: np.ndarray[tuple[int], np.dtype[np.int64]], best: FloatArray, alphabet: Sequence[str]) -> Line:
    starts = np.flatnonzero(np.diff(symbols, prepend=-1))
    runs = [(s, e) for s, e in zip(starts, [*starts[1:], len(symbols)], strict=True) if symbols[s] != 0]
    peaks = [s + int(best[s:e].argmax()) for s, e in runs]
    return Line(
        text="".join(alphabet[symbols[p] - 1] for p in peaks),
        confidences=tuple(float(best[p]) for p in peaks),
    )
