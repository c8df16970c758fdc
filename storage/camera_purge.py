"""Everything that a camera has left behind, removed at once."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from storage.media import clip_files, plain_snapshot_path
from storage.models import ClipRow, EventRow, FrameRow, KeepLockRow, RetentionRuleRow, SegmentRow, SightingRow
from storage.retention.locks import LockedError

_LEFT_BEHIND = (ClipRow, SegmentRow, FrameRow, EventRow, SightingRow, RetentionRuleRow)


def purge_camera(session: Session, camera_id: int) -> list[str]:
    """Delete a camera's events, recordings, clips, kept frames and sightings.

    Returns:
        Media files that belong to no row any more, as paths below the media folder.

    Raises:
        LockedError: some of it is locked.
    """
    _refuse_locked(session, camera_id)
    frames = session.scalars(select(FrameRow.path).where(FrameRow.camera_id == camera_id)).all()
    segments = session.scalars(select(SegmentRow.path).where(SegmentRow.camera_id == camera_id)).all()
    clips = session.scalars(select(ClipRow.path).where(ClipRow.camera_id == camera_id, ClipRow.path.is_not(None))).all()
    snapshots = session.scalars(
        select(EventRow.snapshot).where(EventRow.camera_id == camera_id, EventRow.snapshot.is_not(None))
    ).all()
    for table in _LEFT_BEHIND:
        session.execute(delete(table).where(table.camera_id == camera_id))
    return [
        *segments,
        *(file for path in clips if path for file in clip_files(path)),
        *frames,
        *(file for path in snapshots if path for file in (path, plain_snapshot_path(path))),
    ]


def _refuse_locked(session: Session, camera_id: int) -> None:
    locks = session.scalar(select(func.count()).select_from(KeepLockRow).where(KeepLockRow.camera_id == camera_id))
    if locks:
        raise LockedError(
            f"{locks} keep-lock(s) hold recordings of camera {camera_id}: remove them first (/api/v1/keep-locks), "
            "or remove the camera without purge."
        )
