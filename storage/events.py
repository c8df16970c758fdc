"""Events in the database."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from core.recognitions import RECOGNITIONS
from core.types import Event, FrameRef
from storage.database import Database, insert_or
from storage.media import snapshot_files
from storage.media_removals import cancel_removals, note_removals
from storage.models import EventRow
from storage.purged_cameras import hold_cameras


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with what the database knows beside it."""

    event: Event
    snapshot: str | None
    """Path, below the media folder, of its picture with the box drawn."""
    changed_at: float
    node: str | None = None
    """On whose disk the pictures lie."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What to list; None means any."""

    camera_id: int | None = None
    recognition: str | None = None
    kind: str | None = None
    from_s: float | None = None
    to_s: float | None = None
    text: str | None = None
    """Part of the text read."""

    def matches(self, event: Event) -> bool:
        """Whether it is wanted; as `EventStore.page` decides it."""
        return (
            self.camera_id in {None, event.camera_id}
            and self.recognition in {None, event.recognition}
            and self.kind in {None, event.kind}
            and (self.from_s is None or event.started_at >= self.from_s)
            and (self.to_s is None or event.started_at < self.to_s)
            and (self.text is None or self.text.lower() in (event.text or "").lower())
        )


MOST_AT_ONCE = 10_000
LONGEST_EVENT_S = 86_400.0
"""One that began earlier is not looked for."""

Place = tuple[str | None, str]
"""Node and path, below its media folder, of a picture."""

Position = tuple[float, str]
"""Time and id of the last event of a page: where the next one goes on."""


class EventStore:
    """Events in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, events: Iterable[tuple[Event, str | None]], epoch: int, node: str | None = None) -> int:
        """Write events with their snapshots (path or None: keep the one there is), each under its id.

        An event written under a later epoch of the lease is left as it is: the writer lost its shard meanwhile.
        Events of cameras that were removed meanwhile are not written: a purge would not be one.
        The snapshots lie on the disk of ``node``. Pictures that no row names any more are deleted there, too.

        Returns:
            How many were written.
        """
        changed_events = list(events)
        if not changed_events:
            return 0
        written = 0
        with self._database.write() as session:
            cameras = hold_cameras(session, {event.camera_id for event, _ in changed_events})
            # Stamped as late as can be. PostgreSQL may commit a later stamp first: `EventTail` waits for the other one.
            rows = [_values(event, snapshot, epoch, node) for event, snapshot in changed_events]
            before = _places_of(session, [row["id"] for row in rows if row["snapshot"]])
            for row in rows:
                # Of a removed camera nothing is written, but pictures may have been.
                is_written = row["camera_id"] in cameras and _upsert(session, row)
                written += is_written
                if row["snapshot"]:
                    _follow_pictures(session, row["snapshot"], node, before.get(row["id"]), is_written=is_written)
        return written

    def get(self, event_id: str) -> StoredEvent | None:
        """One event."""
        with self._database.read() as session:
            row = session.get(EventRow, event_id)
            return None if row is None else stored_event(row)

    def page(self, wanted: EventFilter, before: Position | None, limit: int) -> list[StoredEvent]:
        """Events newest first, those after ``before`` in that order. Keyset: page 1000 is as quick as page 1."""
        query = _filtered(select(EventRow), wanted)
        if before is not None:
            query = query.where(tuple_(EventRow.started_at, EventRow.id) < before)
        query = query.order_by(EventRow.started_at.desc(), EventRow.id.desc()).limit(limit)
        with self._database.read() as session:
            return [stored_event(row) for row in session.scalars(query)]

    def changed_since(self, after: Position, limit: int) -> list[StoredEvent]:
        """Events written after that change, oldest change first."""
        query = select(EventRow).where(tuple_(EventRow.changed_at, EventRow.id) > after)
        with self._database.read() as session:
            return [
                stored_event(row)
                for row in session.scalars(query.order_by(EventRow.changed_at, EventRow.id).limit(limit))
            ]

    def close_forgotten(self, shard: int, shards: int, known: Collection[str]) -> int:
        """End, at their last change, the open events of a shard of cameras that its judgement does not know.

        Args:
            shard: Which.
            shards: Camera ids modulo this are shards.
            known: Ids of events that go on.

        Returns:
            How many were ended.
        """
        with self._database.write() as session:
            is_open = (EventRow.ended_at.is_(None), EventRow.camera_id % shards == shard)
            rows = session.scalars(select(EventRow).where(*is_open, EventRow.recognition.in_(RECOGNITIONS))).all()
            forgotten = [row for row in rows if row.id not in known]
            for row in forgotten:
                row.ended_at, row.changed_at = row.changed_at, time.time()
        return len(forgotten)

    def overlapping(self, camera_id: int, from_s: float, to_s: float) -> list[Event]:
        """Events of a camera that went on in ``from_s <= t < to_s``, oldest first; at most `MOST_AT_ONCE`."""
        ended = func.coalesce(EventRow.ended_at, EventRow.changed_at)
        query = select(EventRow).where(EventRow.camera_id == camera_id, EventRow.started_at < to_s, ended >= from_s)
        query = query.where(EventRow.started_at >= from_s - LONGEST_EVENT_S).order_by(EventRow.started_at)
        with self._database.read() as session:
            return [event_of(row) for row in session.scalars(query.limit(MOST_AT_ONCE))]

    def still_open(self, camera_ids: Collection[int], since_s: float) -> list[Event]:
        """Events of cameras that go on and began at that time or later, oldest first; at most `MOST_AT_ONCE`."""
        query = select(EventRow).where(EventRow.ended_at.is_(None), EventRow.camera_id.in_(camera_ids))
        query = query.where(EventRow.started_at >= since_s).order_by(EventRow.started_at)
        with self._database.read() as session:
            return [event_of(row) for row in session.scalars(query.limit(MOST_AT_ONCE))]

    def open_of_kind(self, kind: str) -> list[Event]:
        """Events of a kind that go on, oldest first."""
        query = select(EventRow).where(EventRow.kind == kind, EventRow.ended_at.is_(None))
        with self._database.read() as session:
            return [event_of(row) for row in session.scalars(query.order_by(EventRow.started_at))]

    def count(self) -> int:
        """How many there are."""
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(EventRow)) or 0


def _filtered(query: Select[EventRow], wanted: EventFilter) -> Select[EventRow]:
    for column, value in (
        (EventRow.camera_id, wanted.camera_id),
        (EventRow.recognition, wanted.recognition),
        (EventRow.kind, wanted.kind),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.from_s is not None:
        query = query.where(EventRow.started_at >= wanted.from_s)
    if wanted.to_s is not None:
        query = query.where(EventRow.started_at < wanted.to_s)
    if wanted.text is not None:
        query = query.where(EventRow.text.icontains(wanted.text, autoescape=True))
    return query


def _upsert(session: Session, row: dict[str, Any]) -> bool:
    """Whether it was written: not over one of a later epoch."""
    statement: Any = insert_or(session, EventRow).values(**row)
    changed = {k: statement.excluded[k] for k in row if k not in {"id", "snapshot", "node"}}
    for name in ("snapshot", "node"):
        changed[name] = func.coalesce(statement.excluded[name], getattr(EventRow, name))
    upsert = statement.on_conflict_do_update(
        index_elements=["id"], set_=changed, where=EventRow.epoch <= statement.excluded.epoch
    )
    # Counted by what comes back: psycopg's rowcount of an INSERT is not kept by SQLAlchemy.
    return bool(session.scalars(upsert.returning(EventRow.id)).all())


def _places_of(session: Session, event_ids: Sequence[str]) -> dict[str, Place]:
    """Where the pictures of events lie now, of those that have some."""
    if not event_ids:
        return {}
    query = select(EventRow.id, EventRow.node, EventRow.snapshot)
    found = session.execute(query.where(EventRow.id.in_(event_ids), EventRow.snapshot.is_not(None)))
    return {row.id: (row.node, row.snapshot) for row in found}


def _follow_pictures(
    session: Session, snapshot: str, node: str | None, before: Place | None, *, is_written: bool
) -> None:
    """Have deleted what no row names: pictures on the node of before or, where the row was left as it is, on this."""
    if is_written:
        cancel_removals(session, node, snapshot_files(snapshot))
    unnamed = before if is_written else (node, snapshot)
    if unnamed is not None and unnamed[0] != (node if is_written else before and before[0]):
        note_removals(session, ((unnamed[0], path) for path in snapshot_files(unnamed[1])))


def _values(event: Event, snapshot: str | None, epoch: int, node: str | None) -> dict[str, Any]:
    return {
        "id": event.id,
        "camera_id": event.camera_id,
        "recognition": event.recognition,
        "kind": event.kind,
        "started_at": event.started_at,
        "ended_at": event.ended_at,
        "score": event.score,
        "text": event.text,
        "box": None if event.box is None else list(event.box),
        "best": asdict(event.best),
        "details": event.details,
        "snapshot": snapshot,
        "node": node if snapshot else None,
        "epoch": epoch,
        "changed_at": time.time(),
    }


def event_of(row: EventRow) -> Event:
    """The event in a row."""
    return Event(
        id=row.id,
        camera_id=row.camera_id,
        recognition=row.recognition,
        kind=row.kind,
        started_at=row.started_at,
        ended_at=row.ended_at,
        score=row.score,
        best=FrameRef(**row.best),
        box=_box(row.box),
        text=row.text,
        details=row.details,
    )


def stored_event(row: EventRow) -> StoredEvent:
    """The event in a row, with what the row says beside it."""
    return StoredEvent(event_of(row), row.snapshot, row.changed_at, row.node)


def _box(values: Sequence[float] | None) -> tuple[float, float, float, float] | None:
    if values is None:
        return None
    x1, y1, x2, y2 = values
    return (x1, y1, x2, y2)
