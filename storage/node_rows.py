"""Rows of a machine that will not come back, or not under its name."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import delete, exists, func, literal, select, update

from storage.database import Database
from storage.media_removals import note_selected_removals
from storage.media_usage import media_usage
from storage.models import ClipRow, EventRow, FrameRow, MediaObjectRow, MediaRemovalRow, SegmentRow
from storage.objects.archive import AWAY, STORED
from storage.progress import Progress, silent

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


def named_nodes(database: Database) -> set[str]:
    """Machines under whose name recordings, kept frames or files to be deleted stand.

    One look into an index for each, however many rows there are.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    found: set[str] = set()
    with database.read() as session:
        for column in (SegmentRow.node, FrameRow.node, MediaRemovalRow.node):
            name: str | None = ""
            while name := session.scalar(select(func.min(column)).where(column > name)):
                found.add(name)
    return found


def forget_node(database: Database, node: str, heir: str, progress: Progress = silent) -> dict[str, int]:
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
        kept = update(row).values(node=heir)
        _in_batches(database, row, (row.node == node, has_copy), kept, progress, f"keeping {kind} with a copy")
        lost[kind] = _in_batches(database, row, (row.node == node,), gone, progress, f"forgetting {kind}")
    return lost


def adopt_node(database: Database, node: str | None, heir: str, progress: Progress = silent) -> int:
    """Give the rows of what lay on one machine to another, on whose disk it is now. Returns how many.

    Args:
        database: Of the installation.
        node: Name of the machine; None: the rows that are older than names of machines.
        heir: Name of the other one.
        progress: Is told how far it is.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    if node == heir:
        return 0
    with database.write() as session:
        session.execute(update(MediaObjectRow).where(MediaObjectRow.node == node).values(node=heir))
        noted = select(literal(heir), MediaRemovalRow.path).where(MediaRemovalRow.node == node)
        note_selected_removals(session, noted)
        session.execute(delete(MediaRemovalRow).where(MediaRemovalRow.node == node))
    count = 0
    for kind, (row, path) in _ROWS.items():
        # Of a clip that is to be made, or an event without a picture, nothing lies anywhere.
        which = (row.node == node,) if node is not None else (row.node.is_(None), path.is_not(None))
        count += _in_batches(database, row, which, update(row).values(node=heir), progress, f"{kind} to {heir}")
    return count


def _in_batches(
    database: Database, row: Any, which: tuple[Any, ...], change: Any, progress: Progress, step: str
) -> int:
    with database.read() as session:
        total = session.scalar(select(func.count()).select_from(row).where(*which)) or 0
    count = 0
    while True:
        with database.write() as session:
            ids = session.scalars(select(row.id).where(*which).limit(BATCH)).all()
            session.execute(change.where(row.id.in_(ids)))
        count += len(ids)
        progress(step, count, max(count, total), "rows")
        if len(ids) < BATCH:
            return count
