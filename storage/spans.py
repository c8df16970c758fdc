"""Stretches of time in which something was recorded, or moved."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[float, float]
"""From, to, in seconds since the epoch."""

MAX_SPAN_GAP_S = 0.25
"""Two segments that are no further apart are one stretch of recording."""


def merged_spans(found: Iterable[Span], max_gap_s: float = MAX_SPAN_GAP_S) -> list[Span]:
    """Stretches that overlap or touch → one; the input is ordered by its starts."""
    spans: list[Span] = []
    for start, end in found:
        if spans and start <= spans[-1][1] + max_gap_s:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return spans
