"""Learnt travel times between cameras, and the passages that they are learnt from."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, or_, select, update

from core.sightings import Seen, TravelTime
from storage.database import Database
from storage.models import CameraRow, IdentityRow, SightingRow, TravelTimeRow

MOST_PASSAGES = 200_000
"""Of the newest ones that are learnt from."""


class TravelTimeStore:
    """Travel times in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[TravelTime]:
        """All that is known, by camera left and camera reached."""
        return self._read(select(TravelTimeRow))

    def of_camera(self, camera_id: int) -> list[TravelTime]:
        """Those of the ways to and from a camera."""
        is_end = or_(TravelTimeRow.from_camera == camera_id, TravelTimeRow.to_camera == camera_id)
        return self._read(select(TravelTimeRow).where(is_end))

    def confirmed_passages(self, least_similarity: float) -> list[Seen]:
        """Passages of identities that somebody named, and those that were surely recognised; by identity, then start.

        Args:
            least_similarity: from which a match of an identity without a name counts.
        """
        newest = select(SightingRow.id).order_by(SightingRow.started_at.desc()).limit(MOST_PASSAGES)
        query = (
            select(SightingRow.identity_id, SightingRow.camera_id, SightingRow.started_at, SightingRow.ended_at)
            .join(IdentityRow, IdentityRow.id == SightingRow.identity_id)
            .where(
                SightingRow.id.in_(newest),
                or_(
                    IdentityRow.name.is_not(None),
                    SightingRow.similarity.is_(None),
                    SightingRow.similarity >= least_similarity,
                ),
            )
            .order_by(SightingRow.identity_id, SightingRow.started_at, SightingRow.id)
        )
        with self._database.read() as session:
            return [Seen(*row) for row in session.execute(query)]

    def forgotten_at(self) -> dict[tuple[int, int], float]:
        """(from, to) → time before which arrivals do not count, for the ways that were forgotten."""
        query = select(TravelTimeRow).where(TravelTimeRow.forgotten_at > 0)
        with self._database.read() as session:
            return {(row.from_camera, row.to_camera): row.forgotten_at for row in session.scalars(query)}

    def learn(self, learnt: Sequence[TravelTime], at_s: float) -> None:
        """Note what was learnt; ways that are not among it keep what is known. Ways of removed cameras are left out."""
        with self._database.write() as session:
            cameras = set(session.scalars(select(CameraRow.id)))
            for way in learnt:
                if not {way.from_camera, way.to_camera} <= cameras:
                    continue
                row = session.get(TravelTimeRow, (way.from_camera, way.to_camera))
                if row is None:
                    row = TravelTimeRow(from_camera=way.from_camera, to_camera=way.to_camera, forgotten_at=0.0)
                    session.add(row)
                row.least_s, row.transitions, row.learnt_at = way.least_s, way.transitions, at_s

    def forget(self, camera_id: int | None, at_s: float) -> int:
        """Forget all ways, or those to and from one camera, and what happened on them before that time.

        Returns:
            How many were known.
        """
        query = update(TravelTimeRow).where(TravelTimeRow.least_s.is_not(None))
        if camera_id is not None:
            query = query.where(or_(TravelTimeRow.from_camera == camera_id, TravelTimeRow.to_camera == camera_id))
        with self._database.write() as session:
            ways = session.scalars(
                query.values(least_s=None, transitions=0, forgotten_at=at_s).returning(TravelTimeRow.to_camera)
            )
            return len(ways.all())

    def _read(self, query: Select[TravelTimeRow]) -> list[TravelTime]:
        known = query.where(TravelTimeRow.least_s.is_not(None))
        with self._database.read() as session:
            rows = session.scalars(known.order_by(TravelTimeRow.from_camera, TravelTimeRow.to_camera))
            return [TravelTime(row.from_camera, row.to_camera, row.least_s or 0.0, row.transitions) for row in rows]
