from __future__ import annotations

import pytest

from capture.recorder.alarm import ENDS_AFTER_S, DiskAlarm
from core.recognitions import DISK_FULL_EVENT, RECORDING
from core.settings import Settings
from core.types import Event
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventFilter, EventStore
from storage.secrets import Secrets
from tests.support.manual_clock import ManualClock


@pytest.fixture
def events(database: Database, settings: Settings) -> EventStore:
    cameras = CameraStore(database, Secrets(settings.data))
    for camera_id in (1, 2):
        cameras.add(Camera(name=f"c{camera_id}", url="rtsp://192.0.2.1/", id=camera_id))
    return EventStore(database)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def told(events: EventStore) -> list[Event]:
    return [stored.event for stored in reversed(events.page(EventFilter(recognition=RECORDING), None, 100))]


def test_one_event_from_the_stop_to_the_end_of_it(events: EventStore, clock: ManualClock) -> None:
    alarm = DiskAlarm(events, "here", clock)
    alarm.look([1, 2], [])
    assert told(events) == []
    begun = clock.now()
    for _ in range(5):
        alarm.look([1, 2], [1])
        clock.advance(2.0)
    (event,) = told(events)
    assert (event.camera_id, event.kind, event.started_at, event.ended_at) == (1, DISK_FULL_EVENT, begun, None)
    # A moment of room does not end it.
    alarm.look([1, 2], [])
    clock.advance(ENDS_AFTER_S / 2)
    alarm.look([1, 2], [1])
    last = clock.now()
    clock.advance(ENDS_AFTER_S)
    alarm.look([1, 2], [])
    assert [(e.id, e.ended_at) for e in told(events)] == [(event.id, last)]
    alarm.look([1, 2], [1])
    assert len(told(events)) == 2


def test_who_takes_the_camera_over_ends_the_event(events: EventStore, clock: ManualClock) -> None:
    DiskAlarm(events, "here", clock).look([1, 2], [1, 2])
    later = DiskAlarm(events, "here", clock)
    later.look([1], [])
    clock.advance(ENDS_AFTER_S)
    later.look([1], [])
    assert [e.camera_id for e in events.open_of_kind(DISK_FULL_EVENT)] == [2], "another process has camera 2"
    later.look([1, 2], [])
    later.look([1], [])
    assert events.open_of_kind(DISK_FULL_EVENT) == []
