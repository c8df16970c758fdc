"""The tail of the events, which the live feed and recorders follow."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.event_tail import EventTail, position_of
from storage.events import EventFilter, EventStore, Position, StoredEvent
from storage.models import EventRow
from storage.secrets import Secrets
from tests.integration.database.conftest import emptied
from tests.support.stored import an_event
from tests.support.waiting import wait_until

NOON = 1_795_521_600.0
ANY = EventFilter()


def with_cameras(cameras: CameraStore, database: Database) -> EventStore:
    """Events of others are not stored."""
    cameras.replace_all([Camera(n, f"camera {n}", "rtsp://192.0.2.1/") for n in range(1, 10)])
    return EventStore(database)


@pytest.fixture
def events(database: Database, cameras: CameraStore) -> EventStore:
    return with_cameras(cameras, database)


def stamp(database: Database, event_id: str, changed_at: float) -> None:
    """As if the event had been written then."""
    with database.write() as session:
        session.execute(update(EventRow).where(EventRow.id == event_id).values(changed_at=changed_at))


def new_ids(tail: EventTail) -> list[str]:
    return [stored.event.id for stored in tail.new()]


def test_each_change_comes_once(database: Database, events: EventStore) -> None:
    tail = EventTail(events, ANY, (NOON, ""))
    first, second = an_event(1, NOON), an_event(2, NOON)
    for event, changed_at in ((first, NOON + 1), (second, NOON + 2)):
        events.put([(event, None)], epoch=1)
        stamp(database, event.id, changed_at)
    assert new_ids(tail) == [first.id, second.id]
    assert new_ids(tail) == []
    stamp(database, first.id, NOON + 3)
    assert new_ids(tail) == [first.id], "an event that goes on comes again"
    stamp(database, second.id, NOON + 60)
    assert new_ids(tail) == [second.id]
    assert new_ids(tail) == []


def test_what_was_stamped_early_and_committed_late_is_found(database: Database, events: EventStore) -> None:
    tail = EventTail(events, ANY, (NOON, ""))
    quick, slow = an_event(1, NOON), an_event(2, NOON)
    events.put([(quick, None)], epoch=1)
    stamp(database, quick.id, NOON + 6)
    assert new_ids(tail) == [quick.id]
    events.put([(slow, None)], epoch=1)
    stamp(database, slow.id, NOON + 1)
    assert new_ids(tail) == [slow.id]
    assert new_ids(tail) == []


def test_it_goes_on_at_a_position_and_minds_the_filter(database: Database, events: EventStore) -> None:
    written = [an_event(camera, NOON) for camera in (1, 2, 1, 2, 1)]
    written = [replace(e, id=an_event(9, NOON + n).id) for n, e in enumerate(written)]
    for number, event in enumerate(written):
        events.put([(event, None)], epoch=1)
        stamp(database, event.id, NOON - 100 + number)
    at_start = EventTail(events, EventFilter(camera_id=1), (NOON - 100.5, "")).new()
    assert [s.event.id for s in at_start] == [written[0].id, written[2].id, written[4].id]
    resumed = EventTail(events, EventFilter(camera_id=1), position_of(at_start[0]))
    assert new_ids(resumed) == [written[2].id, written[4].id]


def test_what_nobody_wants_is_read_once(
    database: Database, events: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.event_tail.MAX_BATCH", 2)
    written = [an_event(1, NOON + n) for n in range(7)] + [an_event(2, NOON + 7)]
    for number, event in enumerate(written):
        events.put([(event, None)], epoch=1)
        stamp(database, event.id, NOON + 20.0 * number)
    read: list[int] = []
    look = events.changed_since

    def counted(after: Position, limit: int) -> list[StoredEvent]:
        found = look(after, limit)
        read.append(len(found))
        return found

    monkeypatch.setattr(events, "changed_since", counted)
    tail = EventTail(events, EventFilter(camera_id=2), (NOON - 1, ""))
    assert new_ids(tail) == [written[-1].id]
    assert read == [2, 2, 2, 2]
    assert new_ids(tail) == []
    assert sum(read) == 8


def test_a_transaction_that_waits_while_a_later_one_commits(pg_migrated: Database, tmp_path: Path) -> None:
    database = emptied(pg_migrated)
    events = with_cameras(CameraStore(database, Secrets(tmp_path)), database)
    slow, quick = an_event(1, NOON), an_event(2, NOON)
    events.put([(slow, None)], epoch=1)
    tail = EventTail(events, ANY, (0.0, ""))
    assert new_ids(tail) == [slow.id]
    with database.write() as holder:
        holder.scalars(select(EventRow).where(EventRow.id == slow.id).with_for_update()).one()
        ended = replace(slow, ended_at=NOON + 9)
        writer = threading.Thread(target=events.put, args=([(ended, None)], 1))
        writer.start()
        wait_until(lambda: _waiting(database), "it is stamped and waits for the row", 10.0)
        events.put([(quick, None)], epoch=1)
        assert new_ids(tail) == [quick.id]
    writer.join(10.0)
    assert [(s.event.id, s.event.ended_at) for s in tail.new()] == [(slow.id, NOON + 9)]


def _waiting(database: Database) -> int:
    with database.read() as session:
        return session.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) or 0
