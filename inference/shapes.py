"""Shapes of what models take and give."""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int | None, ...]
"""None where a size is free."""


def fits(shape: Sequence[int | None], expected: Sequence[int | None]) -> bool:
    """Whether every size that both know is the same."""
    return len(shape) == len(expected) and all(
        a == b or a is None or b is None for a, b in zip(shape, expected, strict=True)
    )


def show_shape(shape: Sequence[int | None]) -> str:
    """For people."""
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
