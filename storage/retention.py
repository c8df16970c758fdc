"""How long recordings stay: by days, by bytes, and by the room that is left on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from core.settings import Settings
from storage.media import Media
from storage.segments import Segment, SegmentStore

BATCH = 500
MAX_BATCHES = 20
"""Bounds one pass: the next one goes on where this one stopped."""
MIN_FREE_SHARE = 0.02
"""Of the disk, that must be free as well as `Settings.min_free`: events and the database need it."""
ROOM_FACTOR = 1.5
"""The oldest recordings go when less than so many times the room that recording needs is left."""
_DAY_S = 86_400.0


def needed_bytes(total_bytes: int, min_free_bytes: int) -> float:
    """Bytes of a disk that must stay free for anything to be recorded; at most half of it."""
    return min(max(min_free_bytes, MIN_FREE_SHARE * total_bytes), total_bytes / 2)


def expire_recordings(settings: Settings, store: SegmentStore, media: Media, node: str, now: float) -> int:
    """One bounded pass over the recordings on this machine's disk.

    Continuous ones go after ``recordings_days``, those of events with the events. Where they take more than
    ``recordings_gb``, or the disk gets full, the oldest go, continuous ones first. Rows go before files: no row points
    to a file that is gone. What is locked (`Segment.keep`) stays.

    Returns:
        How many segments were deleted.

    Raises:
        UnavailableError: the database cannot be used now.
        OSError: a file cannot be deleted.
    """
    continuous_before, event_before = (now - days * _DAY_S for days in (settings.recordings_days, settings.events_days))
    return sum(
        _repeat(take, media)
        for take in (
            lambda: store.expire("continuous", continuous_before, node, BATCH),
            lambda: store.expire("event", event_before, node, BATCH),
            lambda: store.expire_bytes(_excess_bytes(settings, store, node), node, BATCH),
        )
    )


def _repeat(take: Callable[[], list[Segment]], media: Media) -> int:
    removed = 0
    for _ in range(MAX_BATCHES):
        taken = take()
        media.remove(segment.path for segment in taken)
        removed += len(taken)
        if not taken:
            break
    return removed


def _excess_bytes(settings: Settings, store: SegmentStore, node: str) -> int:
    """What must go."""
    excess = 0.0
    if settings.recordings_gb is not None:
        excess = store.total_bytes(node) - settings.recordings_gb * 1e9
    if settings.media_dir.is_dir():
        usage = shutil.disk_usage(settings.media_dir)
        excess = max(excess, ROOM_FACTOR * needed_bytes(usage.total, settings.min_free) - usage.free)
    return max(0, round(excess))
