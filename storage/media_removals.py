"""Files whose rows are gone, on the disks of whichever machines: noted as the rows go, deleted by each machine.

Who deletes rows may be another machine than the one that has the files, and that one may be off for a while.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, or_, select
from sqlalchemy.orm import Session

from storage.database import Database, insert_or
from storage.media import Media
from storage.models import MediaRemovalRow

log = logging.getLogger(__name__)

BATCH = 500
MOST_BATCHES = 20
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
    """Delete files of this machine that were noted, `MOST_BATCHES` times `BATCH` at most; returns how many went.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    count, after = 0, ""
    for _ in range(MOST_BATCHES):
        query = select(MediaRemovalRow.path).where(MediaRemovalRow.node == node, MediaRemovalRow.path > after)
        with database.read() as session:
            paths = list(session.scalars(query.order_by(MediaRemovalRow.path).limit(BATCH)))
        if not paths:
            break
        count += remove_files(database, media, node, paths)
        after = paths[-1]
    return count


def remove_files(database: Database, media: Media, node: str, paths: Sequence[str]) -> int:
    """Delete files of this machine; those that cannot be deleted stay noted, and keep nobody from the others.

    Returns:
        How many went, or were gone.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    gone, fault = [], None
    for path in paths:
        try:
            media.remove([path])
            gone.append(path)
        except (OSError, ValueError) as error:  # ValueError: it lies outside the media folder
            fault = error
    if gone:
        with database.write() as session:
            cancel_removals(session, node, gone)
    if fault is not None:
        log.warning("%d old files cannot be deleted, which is tried again; the last: %s", len(paths) - len(gone), fault)
    return len(gone)


def lies_on(node: str | None, column: Any) -> ColumnElement[bool]:
    """SQL: whether a row's file lies on this machine; of those that do not say, it is taken for granted."""
    return or_(column == node, column.is_(None))
