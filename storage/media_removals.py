"""Files whose rows are gone, on the disks of whichever machines: noted as the rows go, deleted by each machine.

Who deletes rows may be another machine than the one that has the files, and that one may be off for a while.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, or_, select
from sqlalchemy.orm import Session

from storage.database import Database, insert_or
from storage.media import Media
from storage.models import MediaRemovalRow

log = logging.getLogger(__name__)

BATCH = 500
"""In one statement: PostgreSQL takes 65 535 parameters."""
MOST_AT_ONCE = 10_000
"""Bounds one pass."""
_COLUMNS = ["node", "path"]


def note_removals(session: Session, files: Iterable[tuple[str | None, str]]) -> None:
    """Have files deleted, by node and path. Those of no known node are left to who deletes their rows."""
    rows = [{"node": node, "path": path} for node, path in dict.fromkeys(files) if node is not None]
    if rows:
        session.execute(insert_or(session, MediaRemovalRow).on_conflict_do_nothing(), rows)


def note_selected_removals(session: Session, files: Select[Any, Any]) -> None:
    """As `note_removals`, of what a query with a condition gives: a camera has hundreds of thousands of files."""
    session.execute(insert_or(session, MediaRemovalRow).from_select(_COLUMNS, files).on_conflict_do_nothing())


def cancel_removals(session: Session, node: str | None, paths: Iterable[str]) -> None:
    """A node has written these anew."""
    session.execute(delete(MediaRemovalRow).where(MediaRemovalRow.node == node, MediaRemovalRow.path.in_(list(paths))))


def remove_noted(database: Database, media: Media, node: str) -> int:
    """Delete files of this machine that were noted, `MOST_AT_ONCE` at most; returns how many went.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    of_node = MediaRemovalRow.node == node
    with database.read() as session:
        count = session.scalar(select(func.count()).select_from(MediaRemovalRow).where(of_node)) or 0
        # Not always the first: those that cannot be deleted stay, and would keep the others from being tried.
        first = secrets.choice(range(0, max(count, 1), MOST_AT_ONCE))
        query = select(MediaRemovalRow.path).where(of_node).order_by(MediaRemovalRow.path)
        paths = list(session.scalars(query.offset(first).limit(MOST_AT_ONCE)))
    return remove_files(database, media, node, paths)


def remove_files(database: Database, media: Media, node: str, paths: Sequence[str]) -> int:
    """Delete files of this machine; those that cannot be deleted stay noted, and keep nobody from the others.

    Returns:
        How many went, or were gone.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    count, fault = 0, None
    for start in range(0, len(paths), BATCH):
        gone = []
        for path in paths[start : start + BATCH]:
            try:
                media.remove([path])
                gone.append(path)
            except (OSError, ValueError) as error:  # ValueError: it lies outside the media folder
                fault = error
        if gone:
            with database.write() as session:
                cancel_removals(session, node, gone)
        count += len(gone)
    if fault is not None:
        log.warning("%d old files cannot be deleted, which is tried again; the last: %s", len(paths) - count, fault)
    return count


def noted_bytes(database: Database, media: Media, node: str, most_bytes: int) -> int:
    """What files of this machine take that were noted and are still there, counted up to ``most_bytes``.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    found_bytes = 0
    query = select(MediaRemovalRow.path).where(MediaRemovalRow.node == node)
    with database.read() as session:
        for path in session.scalars(query, execution_options={"yield_per": BATCH}):
            with contextlib.suppress(OSError, ValueError):
                found_bytes += media.locate(path).stat().st_size
            if found_bytes >= most_bytes:
                return most_bytes
    return found_bytes


def lies_on(node: str | None, column: Any) -> ColumnElement[bool]:
    """SQL: whether a row's file lies on this machine; of those that do not say, it is taken for granted."""
    return or_(column == node, column.is_(None))
