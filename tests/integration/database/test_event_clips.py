"""Events that have no clip yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from storage.camera import Camera, Recording
from storage.cameras import CameraStore
from storage.clips.events import EventClips
from storage.clips.store import ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.models import EventRow
from storage.secrets import Secrets
from storage.segments import Segment, SegmentStore
from tests.support.stored import an_event

NOW = 1_795_500_000.0


@pytest.fixture
def events(database: Database, tmp_path: Path) -> EventClips:
    cameras = CameraStore(database, Secrets(tmp_path))
    for camera_id, mode in ((1, "events"), (2, "off")):
        cameras.add(Camera(camera_id, f"c{camera_id}", "rtsp://192.0.2.1/", recording=Recording(mode, 5.0, 10.0)))  # type: ignore[arg-type]
        SegmentStore(database).add(
            [
                Segment(
                    camera_id, NOW, NOW + 4, 4.0, f"{camera_id}.mp4", 1000, "h264", 1280, 720,
                    has_audio=False, run="r", key_times=(0.0,), retention_class="event", node="here",
                )
            ]
        )  # fmt: skip
    return EventClips(database, ClipStore(database, now=lambda: NOW + 1), SegmentStore(database), cameras)


@pytest.mark.parametrize(
    ("camera_id", "from_s", "to_s", "is_found"),
    [
        pytest.param(1, 1, 2, True, id="recorded"),
        pytest.param(1, 8, 9, True, id="its pre-roll is recorded"),
        pytest.param(1, 9.5, 10, False, id="too late"),
        pytest.param(1, -20, -9.5, True, id="its post-roll is recorded"),
        pytest.param(1, -20, -10.5, False, id="too early"),
        pytest.param(1, -900, 3, False, id="so long that its clip ends before"),
        pytest.param(1, 1, None, False, id="it goes on"),
        pytest.param(2, 1, 2, False, id="its camera is not recorded"),
        pytest.param(3, 1, 2, False, id="its camera is gone"),
    ],
)
def test_of_whose_time_something_is_recorded(
    database: Database, events: EventClips, camera_id: int, from_s: float, to_s: float | None, is_found: bool
) -> None:
    event = an_event(camera_id, NOW + from_s, ended_at=None if to_s is None else NOW + to_s)
    EventStore(database).put([(event, None)], epoch=1)
    assert [found.event.id for found in events.without_clip(0.0, 10)] == ([event.id] if is_found else [])


def test_in_the_order_of_their_changes_and_without_those_that_have_one(
    database: Database, events: EventClips, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.clips.events._EVENTS_AT_ONCE", 2)
    stored = [an_event(1, NOW + number / 10, ended_at=NOW + 3) for number in range(7)]
    EventStore(database).put([(event, None) for event in stored], epoch=1)
    with database.write() as session:
        for number, event in enumerate(stored):
            session.execute(update(EventRow).where(EventRow.id == event.id).values(changed_at=NOW - number))
    assert len(events.ask_for_new(events.without_clip(NOW - 3, 1), NOW + 60)) == 1  # the fourth, asked for at NOW + 1
    found = events.without_clip(NOW - 4.5, 3)
    assert [stored.index(one.event) for one in found] == [4, 2, 1]
    with database.write() as session:
        session.execute(update(EventRow).where(EventRow.id == stored[3].id).values(changed_at=NOW + 2))
    assert [stored.index(one.event) for one in events.without_clip(NOW, 9)] == [0, 3], "it changed since"
