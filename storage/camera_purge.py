"""Everything that a camera has left behind, removed at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from storage.media import clip_files, snapshot_files
from storage.media_removals import note_removals, note_selected_removals
from storage.models import (
    ClipRow,
    EventRow,
    FrameRow,
    KeepLockRow,
    MotionSpanRow,
    RetentionRuleRow,
    SegmentRow,
    SightingRow,
)
from storage.purged_cameras import note_purge
from storage.retention.locks import LockedError

_FILES: tuple[tuple[Any, Any, Callable[[str], list[str]] | None], ...] = (
    (SegmentRow, SegmentRow.path, None),
    (FrameRow, FrameRow.path, None),
    (ClipRow, ClipRow.path, clip_files),
    (EventRow, EventRow.snapshot, snapshot_files),
)
"""Rows that name files: where, and which belong to one name; None: that one alone, and there are many."""

_LEFT_BEHIND = (ClipRow, SegmentRow, FrameRow, EventRow, SightingRow, MotionSpanRow, RetentionRuleRow)


def purge_camera(session: Session, camera_id: int, node: str | None = None) -> list[str]:
    """Delete a camera's recordings, clips, events, kept frames, sightings and what is known of its motion.

    Args:
        session: Of a transaction that has the camera's row locked or deleted.
        camera_id: Which.
        node: Who is to delete files of whose place nothing is known; None: the caller deletes them at once.

    Returns:
        Media files that belong to no row any more, as paths below the media folder.

    Raises:
        LockedError: some of it is locked.
    """
    _refuse_locked(session, camera_id)
    named: list[str] = []
    for row, path, files in _FILES:
        of_camera = (row.camera_id == camera_id, path.is_not(None))
        place = row.node if node is None else func.coalesce(row.node, node)
        if files is None:
            note_selected_removals(session, select(place, path).where(*of_camera, place.is_not(None)))
            named += session.scalars(select(path).where(*of_camera)).all()
        else:
            found = [
                (holder, file)
                for holder, name in session.execute(select(place, path).where(*of_camera))
                for file in files(name)
            ]
            note_removals(session, found)
            named += [file for _, file in found]
    note_purge(session, camera_id, time.time())
    for table in _LEFT_BEHIND:
        session.execute(delete(table).where(table.camera_id == camera_id))
    return named


def _refuse_locked(session: Session, camera_id: int) -> None:
    locks = session.scalar(select(func.count()).select_from(KeepLockRow).where(KeepLockRow.camera_id == camera_id))
    if locks:
        raise LockedError(
            f"{locks} keep-lock(s) hold recordings of camera {camera_id}: remove them first (/api/v1/keep-locks), "
            "or remove the camera without purge."
        )
