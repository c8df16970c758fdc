"""Frames kept on disk: a JPEG a second for each camera, a row for each, the newest path in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import insert, select

from storage.database import Database
from storage.media_removals import note_removals
from storage.models import FrameRow
from storage.purged_cameras import purged_until


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A frame on disk."""

    camera_id: int
    captured_at: float
    path: str
    width: int
    height: int
    size_bytes: int
    id: int = 0
    node: str | None = None
    """On whose disk it lies."""


class KeptFrameStore:
    """Rows of frames kept on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, frames: Sequence[KeptFrame]) -> None:
        """Add rows for files that are written already; those of cameras that were purged meanwhile are deleted."""
        if not frames:
            return
        with self._database.write() as session:
            until = purged_until(session, {frame.camera_id for frame in frames})
            note_removals(session, ((f.node, f.path) for f in frames if f.captured_at < until[f.camera_id]))
            wanted = (f for f in frames if f.captured_at >= until[f.camera_id])
            rows = [{k: v for k, v in asdict(frame).items() if k != "id"} for frame in wanted]
            if rows:
                session.execute(insert(FrameRow), rows)

    def get(self, frame_id: int) -> KeptFrame | None:
        """One frame."""
        with self._database.read() as session:
            row = session.get(FrameRow, frame_id)
            return None if row is None else _kept(row)

    def between(
        self, camera_id: int, from_s: float, to_s: float, limit: int, after: tuple[float, int] = (0.0, 0)
    ) -> list[KeptFrame]:
        """Frames of a camera in ``from_s <= t < to_s``, oldest first, after that time and id."""
        query = select(FrameRow).where(
            FrameRow.camera_id == camera_id, FrameRow.captured_at >= max(from_s, after[0]), FrameRow.captured_at < to_s
        )
        if after[1]:
            query = query.where((FrameRow.captured_at > after[0]) | (FrameRow.id > after[1]))
        with self._database.read() as session:
            rows = session.scalars(query.order_by(FrameRow.captured_at, FrameRow.id).limit(limit))
            return [_kept(row) for row in rows]

    def spread(self, camera_id: int, from_s: float, to_s: float, count: int) -> list[KeptFrame]:
        """At most ``count`` frames of ``from_s <= t < to_s``: the first of each of that many equal parts of it."""
        step_s = (to_s - from_s) / count
        starts = (from_s + part * step_s for part in range(count))
        return [frame for start in starts for frame in self.between(camera_id, start, start + step_s, limit=1)]

    def nearest(self, camera_id: int, at_s: float, within_s: float) -> KeptFrame | None:
        """The frame of a camera closest to a time, at most ``within_s`` away."""
        near = self.between(camera_id, at_s - within_s, at_s + within_s, limit=10_000)
        return min(near, key=lambda frame: abs(frame.captured_at - at_s), default=None)


def _kept(row: FrameRow) -> KeptFrame:
    return KeptFrame(row.camera_id, row.captured_at, row.path, row.width, row.height, row.size_bytes, row.id, row.node)
