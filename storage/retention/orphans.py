"""Files that nothing names: what a process that was killed had written, and not told the database of yet.

Clips, events' pictures and recordings are left alone, since they may be all that is left of a lost database. Frames
that nobody would keep any more are not, nor what never was whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import select

from storage.database import Database
from storage.models import FrameRow

DRAFT_S = 2 * 86_400.0
"""No work on a file takes so long."""
MOST = 10_000
"""Bounds one pass."""


def find_orphans(media_dir: Path, database: Database, now: float, longest_frame_days: float) -> list[str]:
    """At most `MOST` files of this machine that are to go, as paths below the media folder.

    Args:
        media_dir: The media folder.
        database: With the rows of kept frames.
        now: Seconds since the epoch.
        longest_frame_days: For how long frames are kept, of the camera that keeps them the longest.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    before = datetime.fromtimestamp(now, UTC) - timedelta(days=longest_frame_days + 1)
    return [str(path.relative_to(media_dir)) for path in islice(_orphans(media_dir, database, now, before), MOST)]


def _orphans(media_dir: Path, database: Database, now: float, before: datetime) -> Iterator[Path]:
    for folder in sorted(media_dir.glob("frames/[0-9]*/*")):
        day = _day(folder.name)
        if day is not None and day < before and not _has_frames(database, int(folder.parent.name), day):
            yield from (path for path in folder.glob("*/*") if path.is_file())
    # Pictures of an event are written on its day; clips of whichever time at any time.
    some_days_ago = datetime.fromtimestamp(now - DRAFT_S, UTC) - timedelta(days=1)
    for folder in [media_dir / f"events/{some_days_ago:%Y%m%d}", *sorted(media_dir.glob("clips/*"))]:
        for path in folder.glob(".*"):
            if path.stat().st_mtime < now - DRAFT_S:
                yield path


def _day(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _has_frames(database: Database, camera_id: int, day: datetime) -> bool:
    """Locked ones, mostly: the others have gone."""
    from_s, to_s = day.timestamp(), (day + timedelta(days=1)).timestamp()
    query = select(FrameRow.id).where(
        FrameRow.camera_id == camera_id, FrameRow.captured_at >= from_s, FrameRow.captured_at < to_s
    )
    with database.read() as session:
        return session.scalar(query.limit(1)) is not None
