"""Two capture nodes may have recorded a camera at once, while one of them was cut off: one of both is played."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from storage.spans import MAX_SPAN_GAP_S, Span, merged_spans


class _Stretch(Protocol):
    @property
    def started_at(self) -> float: ...
    @property
    def ended_at(self) -> float: ...
    @property
    def run(self) -> str: ...


class _OfNode(_Stretch, Protocol):
    @property
    def node(self) -> str: ...


S = TypeVar("S", bound=_Stretch)
N = TypeVar("N", bound=_OfNode)


def without_repeats(segments: Iterable[S]) -> list[S]:
    """Segments of one camera, oldest first, without those whose time another run covers.

    A run is followed as long as it goes on. Where it breaks off, another one that was recorded meanwhile takes over:
    with the segment that runs across, so that nothing is missing and a few seconds are seen again.
    """
    chosen: list[S] = []
    beside: list[S] = []
    """Of other runs: recorded at the time of the last chosen one, and longer."""
    for segment in segments:
        if chosen and segment.started_at > chosen[-1].ended_at + MAX_SPAN_GAP_S:
            _bridge(chosen, beside)
        if not chosen or segment.run == chosen[-1].run or segment.started_at >= chosen[-1].ended_at - MAX_SPAN_GAP_S:
            chosen.append(segment)
        else:
            beside.append(segment)
        beside = [b for b in beside if b.ended_at > chosen[-1].ended_at + MAX_SPAN_GAP_S]
    _bridge(chosen, beside)
    return chosen


def recorded_twice(segments: Sequence[N], chosen: Sequence[N]) -> list[Span]:
    """Stretches that a node has recorded once more, while its clock was set back, and that are not among the chosen.

    They show another time than what is chosen of them. What two nodes recorded at once shows the same.

    Args:
        segments: of one camera, oldest first.
        chosen: of them, by `without_repeats`.
    """
    shown = {id(segment) for segment in chosen}
    spans = {
        node: merged_spans((s.started_at, s.ended_at) for s in chosen if s.node == node)
        for node in {s.node for s in chosen}
    }
    return merged_spans(
        (segment.started_at, segment.ended_at)
        for segment in segments
        if id(segment) not in shown
        and any(_overlap(segment, span) > MAX_SPAN_GAP_S for span in spans.get(segment.node, ()))
    )


def _overlap(segment: _Stretch, span: Span) -> float:
    """Seconds."""
    return min(segment.ended_at, span[1]) - max(segment.started_at, span[0])


def _bridge(chosen: list[S], beside: list[S]) -> None:
    """Go on with the one that lasts longest, if there is any."""
    if beside:
        chosen.append(max(beside, key=lambda segment: segment.ended_at))
