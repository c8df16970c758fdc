"""How much of a disk must stay free."""

from __future__ import annotations

import shutil
from pathlib import Path

MIN_FREE_SHARE = 0.02
"""Of the disk, that must be free as well as `Settings.min_free`: events and the database need it."""
ROOM_FACTOR = 1.5
"""Old media go when less than so many times the room that recording needs is left."""


def needed_bytes(total_bytes: int, min_free_bytes: int) -> float:
    """Bytes of a disk that must stay free for anything to be recorded; at most half of it."""
    return min(max(min_free_bytes, MIN_FREE_SHARE * total_bytes), total_bytes / 2)


def disk_figures(folder: Path, min_free_bytes: int) -> dict[str, int]:
    """Bytes of a folder's disk: ``free``, ``total``, and those that ``must_be_free``; empty where it is not there."""
    if not folder.is_dir():
        return {}
    usage = shutil.disk_usage(folder)
    return {
        "free": usage.free,
        "total": usage.total,
        "must_be_free": round(needed_bytes(usage.total, min_free_bytes)),
    }


def missing_bytes(folder: Path, min_free_bytes: int) -> int:
    """What must be deleted from a folder's disk, so that recording does not have to stop soon."""
    if not folder.is_dir():
        return 0
    usage = shutil.disk_usage(folder)
    return max(0, round(ROOM_FACTOR * needed_bytes(usage.total, min_free_bytes) - usage.free))
