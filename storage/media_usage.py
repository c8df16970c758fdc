"""How much disk the media of each class take on each machine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from storage.database import Database
from storage.models import ClipRow, FrameRow, SegmentRow
from storage.objects.archive import is_away

Usage = dict[tuple[str, str], int]
"""Class (of `MEDIA_CLASSES`) and node → bytes."""


def media_usage(database: Database) -> Usage:
    """Bytes of what is on disks, by the rows. Reads an index of every row, so it may take seconds.

    Raises:
        UnavailableError: the database cannot be reached.
    """
    found: Usage = {}
    with database.read() as session:
        for row, media_class in ((SegmentRow, SegmentRow.retention_class), (FrameRow, None), (ClipRow, None)):
            columns: list[Any] = [row.node] if media_class is None else [row.node, media_class]
            query = select(func.coalesce(func.sum(row.size_bytes), 0), *columns).where(~is_away(row.path))
            name = "clip" if row is ClipRow else "frame"
            for size_bytes, node, *of_class in session.execute(query.group_by(*columns)):
                found[of_class[0] if of_class else name, node or ""] = int(size_bytes)
    return found
