"""Cameras that were purged: what their recorders still have under way comes afterwards, and must not stay."""

from __future__ import annotations

import math
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.models import CameraRow, PurgedCameraRow


def note_purge(session: Session, camera_id: int, purged_at: float) -> None:
    """Store nothing of the camera from now on that is older, and nothing at all while there is none of its id."""
    session.merge(PurgedCameraRow(camera_id=camera_id, purged_at=purged_at))


def hold_cameras(session: Session, camera_ids: Collection[int]) -> set[int]:
    """Those of the cameras that are there, and are until the transaction ends. To be called before all else in it.

    PostgreSQL waits here for a removal that is under way. What is read in a later statement knows of it then; what is
    written without waiting would be committed after the removal has looked for what to delete.
    """
    query = select(CameraRow.id).where(CameraRow.id.in_(camera_ids)).order_by(CameraRow.id)
    return set(session.scalars(query.with_for_update(read=True, key_share=True)))


def purged_until(session: Session, camera_ids: Collection[int]) -> dict[int, float]:
    """Camera → before which time nothing of it is stored, in seconds since the epoch; minus infinity: never purged.

    To be called before all else in a transaction, as `hold_cameras`.
    """
    there = hold_cameras(session, camera_ids)
    query = select(PurgedCameraRow.camera_id, PurgedCameraRow.purged_at)
    found = session.execute(query.where(PurgedCameraRow.camera_id.in_(camera_ids)))
    purged = {camera_id: purged_at if camera_id in there else math.inf for camera_id, purged_at in found}
    return dict.fromkeys(camera_ids, -math.inf) | purged
