"""What recorders hear of events: from a real table, on a clock that the test moves."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from capture.recorder.arrival import Arrival
from capture.recorder.camera_recorder import CameraRecorder
from capture.recorder.events import ASK_INTERVAL_S, OPEN_EVENT_S, EventWatcher
from core.errors import UnavailableError
from core.types import Event
from storage.camera import Camera, Recording
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import LONGEST_EVENT_S, EventStore
from storage.models import EventRow
from tests.support.manual_clock import ManualClock
from tests.support.stored import an_event
from tests.unit.capture.recorder_support import AT_S, film

FPS = 15


class Bench:
    """A watcher of cameras that come and go; `look` is what its thread does."""

    def __init__(self, database: Database, cameras: CameraStore) -> None:
        cameras.replace_all([Camera(n, f"camera {n}", "rtsp://192.0.2.1/") for n in (1, 2)])
        self.database, self.events, self.clock = database, EventStore(database), ManualClock(AT_S)
        self.cameras: list[int] = []
        self.heard: list[tuple[str, float]] = []
        self.watcher = EventWatcher(self.events, _no_redis, lambda: self.cameras, self.hear, self.clock)
        self.look = self.watcher._look

    def hear(self, event: Event, last_s: float) -> None:
        self.heard.append((event.id, last_s - AT_S))

    def heard_now(self) -> list[tuple[str, float]]:
        self.heard.clear()
        self.look()
        return list(self.heard)

    def write(self, camera_id: int, started_s: float, ended_s: float | None, written_s: float) -> Event:
        """An event of a person who lies down, written then, in seconds after `AT_S`."""
        ended_at = None if ended_s is None else AT_S + ended_s
        event = an_event(camera_id, AT_S + started_s, ended_at=ended_at, recognition="falls", kind="person_down")
        self.events.put([(event, None)], epoch=1)
        with self.database.write() as session:
            session.execute(update(EventRow).where(EventRow.id == event.id).values(changed_at=AT_S + written_s))
        return event


def _no_redis() -> Any:
    raise UnavailableError("Redis is away")


@pytest.fixture
def bench(database: Database, cameras: CameraStore) -> Bench:
    return Bench(database, cameras)


class Recorded:
    """Takes what is recorded."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, _camera_id: int, arrival: Arrival, _retention_class: str) -> None:
        self.times.append(arrival.at_s - AT_S)

    def end(self, _camera_id: int) -> None:
        """Nothing to end."""


def test_an_event_is_recorded_as_long_as_it_lasts(bench: Bench, tmp_path: Path) -> None:
    """Its judge writes it when it begins, ten seconds late, and when it ends."""
    short, recorded = film(tmp_path / "film.ts"), Recorded()
    recorder = CameraRecorder(1, Recording("events", pre_s=5.0, post_s=5.0), recorded, live=Recorded())
    recorder._connection = short.connection
    bench.cameras = [1]
    bench.watcher._heard = lambda event, last_s: recorder.want(event.id, event.started_at, last_s)
    for second in range(500):
        if second == 110:
            bench.write(1, 100, None, written_s=110)
        if second == 450:
            bench.write(1, 100, 440, written_s=450)
        if second % 2 == 0:
            bench.look()
        for number in range(second * FPS, (second + 1) * FPS):
            arrival = short.arrival(number % 150, number * 90_000 // FPS, AT_S + number / FPS)
            recorder.offer(arrival.connection, arrival.packet, arrival.at_s)
        bench.clock.advance(1)
    assert recorded.times[0] == pytest.approx(95, abs=1.1)
    assert 445 <= recorded.times[-1] <= 452
    assert max(b - a for a, b in pairwise(recorded.times)) < 0.1


def test_a_camera_that_comes_brings_its_open_events(bench: Bench) -> None:
    """It was recorded by another node when they were written."""
    event = bench.write(1, -3000, None, written_s=-2990)
    bench.write(2, -3000, -2000, written_s=-2000)
    assert bench.heard_now() == []
    bench.clock.advance(2)
    bench.cameras = [1, 2]
    assert bench.heard_now() == [(event.id, 2 + OPEN_EVENT_S)]
    assert bench.heard_now() == []
    bench.clock.advance(ASK_INTERVAL_S)
    assert bench.heard_now() == [(event.id, 2 + ASK_INTERVAL_S + OPEN_EVENT_S)]
    bench.cameras = []
    assert bench.heard_now() == []
    bench.cameras = [1]
    assert bench.heard_now() == [(event.id, 2 + ASK_INTERVAL_S + OPEN_EVENT_S)], "it came back"


def test_no_event_keeps_a_recorder_going_for_ever(bench: Bench) -> None:
    bench.cameras = [1]
    event = bench.write(1, 20.0 - LONGEST_EVENT_S, None, written_s=-LONGEST_EVENT_S)
    assert bench.heard_now() == [(event.id, 20.0)]
    bench.clock.advance(ASK_INTERVAL_S)
    assert bench.heard_now() == []


def test_what_could_not_be_heard_is_heard_again(bench: Bench) -> None:
    bench.cameras = [1]
    bench.look()
    events = [bench.write(1, n, n + 1, written_s=n + 2) for n in range(3)]

    def fail(event: Event, _last_s: float) -> None:
        if event.id == events[1].id:
            raise UnavailableError("The database cannot be used now")
        bench.heard.append((event.id, 0.0))

    bench.watcher._heard = fail
    with pytest.raises(UnavailableError):
        bench.look()
    bench.watcher._heard = bench.hear
    bench.look()
    assert [event_id for event_id, _ in bench.heard] == [event.id for event in events]
