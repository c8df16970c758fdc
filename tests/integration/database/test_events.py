from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Event, FrameRef
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventFilter, EventStore, Position, StoredEvent

MANY = 60
ANY = EventFilter()


@pytest.fixture
def events(database: Database, cameras: CameraStore) -> EventStore:
    """The store, with cameras 1 and 2 beside it."""
    cameras.replace_all([Camera(1, "gate", "rtsp://10.0.0.5/"), Camera(2, "yard", "rtsp://10.0.0.6/")])
    return EventStore(database)


def event(number: int, started_at: float = 100.0, camera_id: int = 1, text: str | None = "B AB 123") -> Event:
    ref = FrameRef(camera_id, number, started_at, 1920, 1080)
    return Event(
        id=f"{number:036d}",
        camera_id=camera_id,
        recognition="plates",
        kind="plate",
        started_at=started_at,
        ended_at=None,
        score=0.75,
        best=ref,
        box=(1.5, 2.0, 30.25, 40.0),
        text=text,
        details={"votes": [{"text": "B AB 123", "score": 0.9}]},
    )


def fill(store: EventStore) -> list[Event]:
    """Events of two cameras with many at the same time, in no order."""
    made = [event((n * 37) % MANY, started_at=100.0 + n % 7 / 8, camera_id=1 + n % 2) for n in range(MANY)]
    assert store.put([(e, None) for e in made], epoch=1) == MANY
    return sorted(made, key=lambda e: (e.started_at, e.id), reverse=True)


def pages(store: EventStore, wanted: EventFilter, limit: int) -> list[list[StoredEvent]]:
    found: list[list[StoredEvent]] = []
    before: Position | None = None
    while page := store.page(wanted, before, limit):
        found.append(page)
        before = (page[-1].event.started_at, page[-1].event.id)
    return found


def test_comes_back_as_it_was_written(events: EventStore) -> None:
    assert events.put([(event(1), "events/1.jpg")], epoch=1) == 1
    stored = events.get(event(1).id)
    assert stored is not None
    assert (stored.event, stored.snapshot) == (event(1), "events/1.jpg")
    assert events.get("no such id") is None


def test_written_again_is_changed_and_keeps_its_snapshot(events: EventStore) -> None:
    events.put([(event(1), "events/1.jpg")], epoch=1)
    ended = replace(event(1), ended_at=130.0, score=0.9)
    assert events.put([(ended, None)], epoch=1) == 1
    stored = events.get(ended.id)
    assert stored is not None
    assert (stored.event, stored.snapshot) == (ended, "events/1.jpg")
    assert events.count() == 1


def test_writer_of_an_earlier_epoch_changes_nothing(events: EventStore) -> None:
    events.put([(event(1), "new.jpg")], epoch=2)
    late = replace(event(1), text="LATE")
    assert events.put([(late, "late.jpg"), (event(2), None)], epoch=1) == 1
    stored = events.get(event(1).id)
    assert stored is not None
    assert (stored.event.text, stored.snapshot) == ("B AB 123", "new.jpg")
    assert events.put([(late, None)], epoch=3) == 1
    assert events.count() == 2


def test_event_of_a_removed_camera_is_not_written(events: EventStore, cameras: CameraStore) -> None:
    events.put([(event(1), None)], epoch=1)
    cameras.remove(1)
    assert events.put([(replace(event(1), ended_at=130.0), None), (event(2, camera_id=2), None)], epoch=1) == 1
    stored = events.get(event(1).id)
    assert stored is not None
    assert stored.event.ended_at not in {None, 130.0}  # the removal ended it


def test_pages_hold_every_event_once_newest_first(events: EventStore) -> None:
    wanted = fill(events)

    @settings(max_examples=20, deadline=None)
    @given(limit=st.integers(1, MANY + 5))
    def for_any_page_size(limit: int) -> None:
        found = pages(events, ANY, limit)
        assert [s.event for page in found for s in page] == wanted
        assert all(len(page) == limit for page in found[:-1])

    for_any_page_size()


def test_what_comes_in_between_moves_no_page(events: EventStore) -> None:
    wanted = fill(events)
    first = events.page(ANY, None, 10)
    events.put([(event(1000, started_at=500.0), None)], epoch=1)
    second = events.page(ANY, (first[-1].event.started_at, first[-1].event.id), 10)
    assert [s.event for s in first + second] == wanted[:20]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        pytest.param(ANY, {1, 2, 3}, id="all"),
        pytest.param(EventFilter(camera_id=2), {3}, id="camera"),
        pytest.param(EventFilter(recognition="plates", kind="plate"), {1, 2, 3}, id="kind"),
        pytest.param(EventFilter(kind="fall"), set(), id="other kind"),
        pytest.param(EventFilter(recognition="falls"), set(), id="other recognition"),
        pytest.param(EventFilter(from_s=200.0), {2, 3}, id="from is in"),
        pytest.param(EventFilter(to_s=200.0), {1}, id="to is out"),
        pytest.param(EventFilter(text="ab"), {1}, id="text in any case"),
        pytest.param(EventFilter(text="%"), {2}, id="percent is no wildcard"),
        pytest.param(EventFilter(text="_"), set(), id="underscore is no wildcard"),
        pytest.param(EventFilter(camera_id=1, from_s=150.0, text="100"), {2}, id="together"),
    ],
)
def test_filters(events: EventStore, wanted: EventFilter, numbers: set[int]) -> None:
    made = [event(1), event(2, 200.0, text="100%"), event(3, 300.0, camera_id=2, text=None)]
    events.put([(e, None) for e in made], epoch=1)
    assert {s.event.best.seq for s in events.page(wanted, None, 10)} == numbers
    assert {e.best.seq for e in made if wanted.matches(e)} == numbers


def test_changes_in_the_order_they_were_written(events: EventStore) -> None:
    for number in (3, 1, 2):
        events.put([(event(number), None)], epoch=1)
    events.put([(replace(event(3), ended_at=150.0), None)], epoch=1)
    found = events.changed_since((0.0, ""), 2)
    assert [s.event.best.seq for s in found] == [1, 2]
    rest = events.changed_since((found[-1].changed_at, found[-1].event.id), 2)
    assert [(s.event.best.seq, s.event.ended_at) for s in rest] == [(3, 150.0)]


def test_nothing_to_write(events: EventStore) -> None:
    assert events.put([], epoch=1) == 0
