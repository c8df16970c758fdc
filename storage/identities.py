"""Identities as people handle them: list, name, merge, split, erase; and when and where each was seen."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Exists, Select, delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from core.errors import CamrecError
from storage.database import Database
from storage.media import clip_files, snapshot_files
from storage.media_removals import note_removals
from storage.models import ClipRow, EventRow, IdentityRow, SightingRow
from storage.retention.locks import locked


class IdentityNotFoundError(CamrecError):
    """No identity has this id."""


class BadSplitError(CamrecError):
    """The sightings to split off are not some of the identity's."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who was seen."""

    id: str
    name: str | None
    created_at: float
    """When first seen."""
    seen_at: float
    """When last seen."""
    sightings: int
    cameras: tuple[int, ...]
    newest: str
    """Id of the last sighting, whose event has the same id and maybe a picture."""


@dataclass(frozen=True, slots=True)
class SeenOnce:
    """A sighting without its vector."""

    id: str
    identity_id: str
    name: str | None
    camera_id: int
    started_at: float
    ended_at: float
    similarity: float | None


@dataclass(frozen=True, slots=True)
class SightingFilter:
    """Which sightings; None means any."""

    identity_id: str | None = None
    camera_id: int | None = None
    from_s: float | None = None
    to_s: float | None = None


Position = tuple[float, str]
"""Time and id of the last one of a page."""


class IdentityStore:
    """Identities in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, text: str | None, before: Position | None, limit: int) -> list[Identity]:
        """Identities, those first seen last first; ``text``: part of the name."""
        query = select(IdentityRow).where(_has_sightings())
        if text is not None:
            query = query.where(IdentityRow.name.icontains(text, autoescape=True))
        if before is not None:
            query = query.where(tuple_(IdentityRow.created_at, IdentityRow.id) < before)
        query = query.order_by(IdentityRow.created_at.desc(), IdentityRow.id.desc()).limit(limit)
        with self._database.read() as session:
            return _identities(session, session.scalars(query).all())

    def get(self, identity_id: str) -> Identity:
        """One identity.

        Raises:
            IdentityNotFoundError: there is none, or nothing of it was kept.
        """
        with self._database.read() as session:
            return _identity(session, identity_id)

    def names(self) -> dict[str, str]:
        """The identities that somebody has named."""
        query = select(IdentityRow.id, IdentityRow.name).where(IdentityRow.name.is_not(None))
        with self._database.read() as session:
            return {identity_id: name for identity_id, name in session.execute(query) if name}

    def rename(self, identity_id: str, name: str | None) -> Identity:
        """Name an identity, or take its name away.

        Raises:
            IdentityNotFoundError: there is none.
        """
        with self._database.write() as session:
            _row(session, identity_id).name = name
            session.flush()
            return _identity(session, identity_id)

    def merge(self, identity_id: str, others: Collection[str]) -> Identity:
        """Give the sightings of others to this identity; the others go. Where it has no name, it takes one of theirs.

        Raises:
            IdentityNotFoundError: one of them is not there; nothing was changed.
        """
        with self._database.write() as session:
            kept = _row(session, identity_id)
            gone = [_row(session, other) for other in sorted(set(others) - {identity_id})]
            kept.name = kept.name or next((row.name for row in gone if row.name), None)
            kept.created_at = min(row.created_at for row in (kept, *gone))
            ids = [row.id for row in gone]
            _give(session, SightingRow.identity_id.in_(ids), identity_id)
            session.execute(delete(IdentityRow).where(IdentityRow.id.in_(ids)))
            session.flush()
            return _identity(session, identity_id)

    def split(self, identity_id: str, sightings: Collection[str]) -> Identity:
        """Make a new identity of some of an identity's sightings.

        Raises:
            IdentityNotFoundError: there is no such identity.
            BadSplitError: they are not some, but not all, of its sightings.
        """
        with self._database.write() as session:
            _row(session, identity_id)
            query = select(SightingRow.id, SightingRow.started_at).where(SightingRow.identity_id == identity_id)
            own = {row.id: row.started_at for row in session.execute(query)}
            strange = sorted(set(sightings) - own.keys())
            if strange:
                raise BadSplitError(f"Not sightings of identity {identity_id}: {', '.join(strange)}.")
            if not 0 < len(set(sightings)) < len(own):
                raise BadSplitError(f"Name some, but not all, of the {len(own)} sightings of identity {identity_id}.")
            made = IdentityRow(id=str(uuid.uuid4()), name=None, created_at=min(own[s] for s in sightings))
            session.add(made)
            session.flush()
            _give(session, SightingRow.id.in_(sightings), made.id)
            return _identity(session, made.id)

    def erase(self, identity_id: str) -> list[str]:
        """Delete an identity with all its sightings, vectors, events and their clips.

        Returns:
            Media files that show it and belong to no row any more, as paths below the media folder.

        Raises:
            IdentityNotFoundError: there is none.
        """
        with self._database.write() as session:
            _row(session, identity_id)
            files = _erase_sightings(session, select(SightingRow.id).where(SightingRow.identity_id == identity_id))
            session.execute(delete(IdentityRow).where(IdentityRow.id == identity_id))
            return files

    def sightings(self, wanted: SightingFilter, before: Position | None, limit: int) -> list[SeenOnce]:
        """Sightings on all cameras, newest first."""
        query = _filtered(_named_sightings(), wanted)
        if before is not None:
            query = query.where(tuple_(SightingRow.started_at, SightingRow.id) < before)
        query = query.order_by(SightingRow.started_at.desc(), SightingRow.id.desc()).limit(limit)
        with self._database.read() as session:
            return [_seen(row, name) for row, name in session.execute(query)]

    def sightings_by_id(self, ids: Collection[str]) -> dict[str, SeenOnce]:
        """Those of these sightings that there are."""
        query = _named_sightings().where(SightingRow.id.in_(ids))
        with self._database.read() as session:
            return {row.id: _seen(row, name) for row, name in session.execute(query)}

    def expire(self, before_s: float, limit: int) -> tuple[int, list[str]]:
        """Erase at most ``limit`` of the oldest sightings that ended before that time, and identities left with none.

        What a lock covers stays.

        Returns:
            How many, and the media files that belong to no row any more.
        """
        with self._database.write() as session:
            is_locked = locked(SightingRow.camera_id, SightingRow.started_at, SightingRow.ended_at)
            old = select(SightingRow.id).where(SightingRow.ended_at < before_s, ~is_locked)
            ids = session.scalars(old.order_by(SightingRow.ended_at).limit(limit)).all()
            files = _erase_sightings(session, ids)
            session.execute(delete(IdentityRow).where(~_has_sightings()))
            return len(ids), files


def _has_sightings() -> Exists:
    return select(SightingRow.id).where(SightingRow.identity_id == IdentityRow.id).exists()


def _erase_sightings(session: Session, ids: Select[str] | Sequence[str]) -> list[str]:
    snapshots = select(EventRow.node, EventRow.snapshot).where(EventRow.id.in_(ids), EventRow.snapshot.is_not(None))
    clips = select(ClipRow.node, ClipRow.path).where(ClipRow.event_id.in_(ids), ClipRow.path.is_not(None))
    files = [(node, file) for node, path in session.execute(snapshots) for file in snapshot_files(path or "")]
    files += [(node, file) for node, path in session.execute(clips) for file in clip_files(path or "")]
    note_removals(session, files)
    session.execute(delete(ClipRow).where(ClipRow.event_id.in_(ids)))
    session.execute(delete(EventRow).where(EventRow.id.in_(ids)))
    session.execute(delete(SightingRow).where(SightingRow.id.in_(ids)))  # the vectors go with them
    return [file for _, file in files]


def _give(session: Session, which: ColumnElement[bool], identity_id: str) -> None:
    """Change whose sightings are; that they were changed tells every index to read them again."""
    session.execute(update(SightingRow).where(which).values(identity_id=identity_id, changed_at=time.time()))


def _row(session: Session, identity_id: str) -> IdentityRow:
    row = session.get(IdentityRow, identity_id)
    if row is None:
        raise IdentityNotFoundError(f"There is no identity {identity_id}.")
    return row


def _identity(session: Session, identity_id: str) -> Identity:
    found = _identities(session, [_row(session, identity_id)])
    if not found:
        raise IdentityNotFoundError(f"There is no identity {identity_id}.")
    return found[0]


def _identities(session: Session, rows: Sequence[IdentityRow]) -> list[Identity]:
    """With what their sightings say; those that have none are left out."""
    ids = [row.id for row in rows]
    figures = {
        identity_id: (count, seen_at)
        for identity_id, count, seen_at in session.execute(
            select(SightingRow.identity_id, func.count(), func.max(SightingRow.ended_at))
            .where(SightingRow.identity_id.in_(ids))
            .group_by(SightingRow.identity_id)
        )
    }
    cameras = _cameras(session, ids)
    return [
        Identity(
            id=row.id,
            name=row.name,
            created_at=row.created_at,
            seen_at=figures[row.id][1],
            sightings=figures[row.id][0],
            cameras=cameras[row.id],
            newest=_newest(session, row.id),
        )
        for row in rows
        if row.id in figures
    ]


def _cameras(session: Session, ids: Iterable[str]) -> dict[str, tuple[int, ...]]:
    query = select(SightingRow.identity_id, SightingRow.camera_id).where(SightingRow.identity_id.in_(ids)).distinct()
    cameras: dict[str, tuple[int, ...]] = {}
    for identity_id, camera_id in session.execute(query.order_by(SightingRow.camera_id)):
        cameras[identity_id] = (*cameras.get(identity_id, ()), camera_id)
    return cameras


def _newest(session: Session, identity_id: str) -> str:
    query = select(SightingRow.id).where(SightingRow.identity_id == identity_id)
    return session.scalars(query.order_by(SightingRow.started_at.desc(), SightingRow.id.desc()).limit(1)).one()


def _named_sightings() -> Select[SightingRow, str | None]:
    return select(SightingRow, IdentityRow.name).join(IdentityRow, IdentityRow.id == SightingRow.identity_id)


def _filtered(query: Select[SightingRow, str | None], wanted: SightingFilter) -> Select[SightingRow, str | None]:
    if wanted.identity_id is not None:
        query = query.where(SightingRow.identity_id == wanted.identity_id)
    if wanted.camera_id is not None:
        query = query.where(SightingRow.camera_id == wanted.camera_id)
    if wanted.from_s is not None:
        query = query.where(SightingRow.started_at >= wanted.from_s)
    if wanted.to_s is not None:
        query = query.where(SightingRow.started_at < wanted.to_s)
    return query


def _seen(row: SightingRow, name: str | None) -> SeenOnce:
    return SeenOnce(row.id, row.identity_id, name, row.camera_id, row.started_at, row.ended_at, row.similarity)
