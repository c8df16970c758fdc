"""How quickly people get from one camera's view to another's: learnt from those who went, used to rule others out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from core.sightings import Passage, Seen, TravelTime, Where

FEWEST_TRANSITIONS = 20
"""Before so many were seen, nothing is said of a way."""

QUANTILE = 0.05
"""Of the times seen: the very least may be a wrong match."""

SLACK = 0.5
"""Share of that quantile below which nobody comes. What is ruled out is never seen to happen, so that without slack a
value, once learnt, could only grow."""

CONFIRMED_SIMILARITY = 0.85
"""From which a match counts though nobody named the identity: well above the threshold, so that few are wrong."""

LONGEST_S = 3600.0
"""Whoever comes later did not come straight."""


def learn(passages: Iterable[Seen], forgotten_at: Mapping[tuple[int, int], float] | None = None) -> list[TravelTime]:
    """The ways between cameras that enough people went straight.

    Args:
        passages: ordered by identity, then by start.
        forgotten_at: (from, to) → arrivals before this time, in seconds since the epoch, do not count.
    """
    times: dict[tuple[int, int], list[float]] = defaultdict(list)
    before: Seen | None = None
    for seen in passages:
        if before is not None and before.identity_id == seen.identity_id and before.camera_id != seen.camera_id:
            way, spent_s = (before.camera_id, seen.camera_id), max(0.0, seen.started_at - before.ended_at)
            if spent_s <= LONGEST_S and seen.started_at >= (forgotten_at or {}).get(way, 0.0):
                times[way].append(spent_s)
        before = seen
    return [
        TravelTime(*way, least_s=round(SLACK * float(np.quantile(several, QUANTILE)), 1), transitions=len(several))
        for way, several in sorted(times.items())
        if len(several) >= FEWEST_TRANSITIONS
    ]


def out_of_reach(passage: Passage, learnt: Sequence[TravelTime]) -> list[Where]:
    """Where and when nobody can have been who passes here now.

    Args:
        passage: its `travel_s`, where it is set, holds for all other cameras, both ways.
        learnt: the ways to and from the passage's camera.
    """
    here = passage.camera_id
    if passage.travel_s is not None:
        start, end = passage.started_at - passage.travel_s, passage.ended_at + passage.travel_s
        return [Where(not_camera=here, from_s=start, to_s=end)] if passage.travel_s > 0 else []
    way_in = {way.from_camera: way.least_s for way in learnt if way.to_camera == here}
    way_out = {way.to_camera: way.least_s for way in learnt if way.from_camera == here}
    return [
        Where(
            cameras=(camera_id,),
            from_s=passage.started_at - way_in.get(camera_id, 0.0),
            to_s=passage.ended_at + way_out.get(camera_id, 0.0),
        )
        for camera_id in sorted(way_in.keys() | way_out.keys())
        # Where either way takes no time the views overlap, and one person may be on both at once.
        if min(way_in.get(camera_id, 1.0), way_out.get(camera_id, 1.0)) > 0
    ]
