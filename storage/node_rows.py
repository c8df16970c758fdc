"""Rows of a machine that will not come back, or not under its name."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import delete, exists, literal, select, update

from storage.database import Database
from storage.media_removals import note_selected_removals
from storage.media_usage import media_usage
from storage.models import ClipRow, EventRow, FrameRow, MediaObjectRow, MediaRemovalRow, SegmentRow
from storage.objects.archive import AWAY, STORED

BATCH = 5000
"""Rows changed at a time: others write, too."""

_ROWS: dict[str, tuple[Any, Any]] = {
    "recordings": (SegmentRow, SegmentRow.path),
    "kept frames": (FrameRow, FrameRow.path),
    "clips": (ClipRow, ClipRow.path),
    "events' pictures": (EventRow, EventRow.snapshot),
}


def held_bytes(database: Database) -> dict[str, int]:
    """Machine → bytes of the recordings, kept frames and clips that the database says it holds."""
    held: Counter[str] = Counter()
    for (_, node), size_bytes in media_usage(database).items():
        if node:
            held[node] += size_bytes
    return held


def forget_node(database: Database, node: str, heir: str) -> dict[str, int]:
    """Drop the rows of what lay on a machine alone; what has a copy in the bucket passes to another, as if it were
    its own and away. Events stay, without their pictures. May be interrupted and called again.

    Returns:
        How many of each kind are lost.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    lost = {}
    with database.write() as session:
        copied = MediaObjectRow.state.in_((STORED, AWAY))
        session.execute(update(MediaObjectRow).where(MediaObjectRow.node == node, copied).values(state=AWAY))
        session.execute(update(MediaObjectRow).where(MediaObjectRow.node == node).values(node=heir))
        session.execute(delete(MediaRemovalRow).where(MediaRemovalRow.node == node))
    for kind, (row, path) in _ROWS.items():
        has_copy = exists().where(MediaObjectRow.path == path, MediaObjectRow.state == AWAY)
        is_picture = row is EventRow
        gone: Any = update(row).values(snapshot=None, node=None) if is_picture else delete(row)
        _in_batches(database, row, (row.node == node, has_copy), update(row).values(node=heir))
        lost[kind] = _in_batches(database, row, (row.node == node,), gone)
    return lost


def adopt_node(database: Database, node: str, heir: str) -> int:
    """Give the rows of what lay on one machine to another, on whose disk it is now. Returns how many.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    with database.write() as session:
        session.execute(update(MediaObjectRow).where(MediaObjectRow.node == node).values(node=heir))
        noted = select(literal(heir), MediaRemovalRow.path).where(MediaRemovalRow.node == node)
        note_selected_removals(session, noted)
        session.execute(delete(MediaRemovalRow).where(MediaRemovalRow.node == node))
    return sum(
        _in_batches(database, row, (row.node == node,), update(row).values(node=heir)) for row, _ in _ROWS.values()
    )


def _in_batches(database: Database, row: Any, which: tuple[Any, ...], change: Any) -> int:
    count = 0
    while True:
        with database.write() as session:
            ids = session.scalars(select(row.id).where(*which).limit(BATCH)).all()
            session.execute(change.where(row.id.in_(ids)))
        count += len(ids)
        if len(ids) < BATCH:
            return count
