"""Locks: stretches of time of a camera whose recordings, clips, kept frames and events retention leaves alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select, tuple_

from core.errors import CamrecError
from storage.database import Database
from storage.models import KeepLockRow

Position = tuple[float, str]
"""When the last lock of a page was made, and its id."""


class LockedError(CamrecError):
    """What is to be deleted is locked."""


@dataclass(frozen=True, slots=True)
class KeepLock:
    """Whoever deletes old media keeps those that overlap ``from_s <= t < to_s``."""

    id: str
    camera_id: int
    from_s: float
    """Seconds since the epoch."""
    to_s: float
    created_by: str
    created_at: float
    note: str = ""
    event_id: str | None = None
    """The event for which it was made, if so."""


class KeepLockStore:
    """Rows of locks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, lock: KeepLock) -> None:
        """Lock; what was recorded of the time already and what will be."""
        with self._database.write() as session:
            session.add(KeepLockRow(**asdict(lock)))

    def get(self, lock_id: str) -> KeepLock | None:
        """One lock."""
        with self._database.read() as session:
            row = session.get(KeepLockRow, lock_id)
            return None if row is None else _lock(row)

    def remove(self, lock_id: str) -> bool:
        """Unlock; False: there was no such lock. What another lock covers, too, stays locked."""
        with self._database.write() as session:
            taken = delete(KeepLockRow).where(KeepLockRow.id == lock_id).returning(KeepLockRow.id)
            return session.scalar(taken) is not None

    def page(
        self,
        before: Position | None,
        limit: int,
        *,
        camera_id: int | None = None,
        event_id: str | None = None,
        from_s: float | None = None,
        to_s: float | None = None,
    ) -> list[KeepLock]:
        """Locks, newest first; of a period those that overlap it."""
        query = select(KeepLockRow)
        if before is not None:
            query = query.where(tuple_(KeepLockRow.created_at, KeepLockRow.id) < before)
        if camera_id is not None:
            query = query.where(KeepLockRow.camera_id == camera_id)
        if event_id is not None:
            query = query.where(KeepLockRow.event_id == event_id)
        if from_s is not None:
            query = query.where(KeepLockRow.to_s > from_s)
        if to_s is not None:
            query = query.where(KeepLockRow.from_s < to_s)
        query = query.order_by(KeepLockRow.created_at.desc(), KeepLockRow.id.desc()).limit(limit)
        with self._database.read() as session:
            return [_lock(row) for row in session.scalars(query)]


def locked(camera_id: Any, started_at: Any, ended_at: Any) -> ColumnElement[bool]:
    """SQL: whether a lock covers any of what these columns, or values, tell of."""
    return exists().where(
        KeepLockRow.camera_id == camera_id, KeepLockRow.from_s <= ended_at, KeepLockRow.to_s > started_at
    )


def _lock(row: KeepLockRow) -> KeepLock:
    return KeepLock(
        id=row.id,
        camera_id=row.camera_id,
        from_s=row.from_s,
        to_s=row.to_s,
        created_by=row.created_by,
        created_at=row.created_at,
        note=row.note,
        event_id=row.event_id,
    )
