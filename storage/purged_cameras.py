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


def purged_until(session: Session, camera_ids: Collection[int]) -> dict[int, float]:
    """Camera → before which time nothing of it is stored, in seconds since the epoch; minus infinity: never purged."""
    query = select(PurgedCameraRow.camera_id, PurgedCameraRow.purged_at, CameraRow.id).outerjoin(
        CameraRow, CameraRow.id == PurgedCameraRow.camera_id
    )
    found = session.execute(query.where(PurgedCameraRow.camera_id.in_(camera_ids)))
    purged = {camera_id: purged_at if there is not None else math.inf for camera_id, purged_at, there in found}
    return dict.fromkeys(camera_ids, -math.inf) | purged
