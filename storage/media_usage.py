"""How much disk the media of each class take on each machine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from storage.database import Database
from storage.models import ClipRow, FrameRow, MediaObjectRow, SegmentRow
from storage.objects.archive import AWAY

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
            query = select(func.coalesce(func.sum(row.size_bytes), 0), *columns).group_by(*columns)
            name = "clip" if row is ClipRow else "frame"
            for size_bytes, node, *of_class in session.execute(query):
                found[of_class[0] if of_class else name, node or ""] = int(size_bytes)
            if row is not FrameRow:  # those have no copies in a bucket
                # Subtracted: a sum over those that are not away would read every row, and not an index alone.
                is_away = (MediaObjectRow.path == row.path) & (MediaObjectRow.state == AWAY)
                for size_bytes, node, *of_class in session.execute(query.join(MediaObjectRow, is_away)):
                    found[of_class[0] if of_class else name, node or ""] -= int(size_bytes)
    return found
