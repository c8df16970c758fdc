"""Which clips the jobs worker makes when: those of events after an outage, and drawn ones beside evidence."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import cast

import pytest
import redis

from core import keys
from core.settings import Settings
from core.types import Event
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips.maker import ClipMaker
from storage.clips.store import Clip, ClipStore, event_clip_id, new_clip_id
from storage.database import Database
from storage.events import EventStore
from storage.models import EventRow
from storage.secrets import Secrets
from storage.segments import SegmentStore
from tasks import app
from tasks import clips as jobs
from tests.support.recordings import write_segments
from tests.support.stored import an_event

pytestmark = pytest.mark.integration

HOUR_S = 3600.0
NOW = time.time()


class Site:
    """An installation that recorded ten seconds three hours ago."""

    def __init__(self, settings: Settings) -> None:
        self.database = Database(settings)
        self.database.migrate()
        self.camera = CameraStore(self.database, Secrets(settings.data)).add(Camera(0, "gate", "rtsp://gate.example/"))
        self.at = NOW - 3 * HOUR_S
        SegmentStore(self.database).add(write_segments(settings.media_dir, self.camera.id, self.at, 5))
        self.clips = ClipStore(self.database)

    def an_event(self, started_at: float) -> Event:
        """That was written when it was over."""
        event = an_event(self.camera.id, started_at, ended_at=started_at + 1)
        EventStore(self.database).put([(event, None)], epoch=1)
        with self.database.write() as session:
            session.query(EventRow).filter_by(id=event.id).update({"changed_at": started_at + 1})
        return event

    def state_of(self, clip_id: str) -> str | None:
        clip = self.clips.get(clip_id)
        return None if clip is None else clip.state


@pytest.fixture
def site(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site(settings)
    monkeypatch.setattr(jobs, "_database", lambda: made.database)
    jobs._maker.cache_clear()
    yield made
    made.database.close()


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the clips for which a message would be sent."""
    sent: list[str] = []
    monkeypatch.setattr(app, "send_task", lambda _name, args, **_: sent.extend(args))
    return sent


@pytest.mark.parametrize(
    ("followed_ago_s", "is_found"),
    [
        pytest.param(3.5 * HOUR_S, True, id="no worker since then"),
        pytest.param(None, True, id="redis lost it"),
        pytest.param(5, False, id="it had its turn"),
    ],
)
def test_events_of_an_outage_get_their_clips(
    site: Site, woken: list[str], redis_client: redis.Redis, followed_ago_s: float | None, is_found: bool
) -> None:
    event, unrecorded = site.an_event(site.at + 2), site.an_event(site.at + 600)
    if followed_ago_s is not None:
        redis_client.set(keys.CLIPS_FOLLOWED, NOW - followed_ago_s)
    jobs.follow()
    assert woken == ([event_clip_id(event.id)] if is_found else [])
    assert site.state_of(event_clip_id(unrecorded.id)) is None
    assert float(cast(bytes, redis_client.get(keys.CLIPS_FOLLOWED))) >= NOW
    woken.clear()
    jobs.follow()
    assert woken == [], "once is enough"


def test_more_events_than_a_pass_takes_are_taken_by_the_next(
    site: Site, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_AT_ONCE", 2)
    for number in range(50):
        site.an_event(site.at - 1000 + number)  # nothing was recorded then: they must not stand in the way
    wanted = [event_clip_id(site.an_event(site.at + 2 + number).id) for number in range(5)]
    for _ in range(3):
        jobs.follow()
    assert woken == wanted


def test_a_deleted_clip_of_an_event_stays_deleted(site: Site, woken: list[str]) -> None:
    clip_id = event_clip_id(site.an_event(site.at + 2).id)
    jobs.follow()
    assert woken == [clip_id]
    site.clips.remove(clip_id)
    jobs.follow()
    assert woken == [clip_id]


def test_one_clip_at_a_time_is_drawn_on_and_the_others_get_their_turn(
    site: Site, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, copied = (
        site.clips.ask(Clip(new_clip_id(), site.camera.id, site.at, site.at + 4, variant=variant)).id
        for variant in ("boxes", "timestamp", "copy")
    )
    is_at_work, may_go_on = threading.Event(), threading.Event()
    make = jobs._make

    def slow(maker: ClipMaker, clip_id: str) -> None:
        if clip_id == first:
            is_at_work.set()
            assert may_go_on.wait(20)
        make(maker, clip_id)

    monkeypatch.setattr(jobs, "_make", slow)
    drawing = threading.Thread(target=jobs.make, args=(first,))
    drawing.start()
    assert is_at_work.wait(20)
    jobs.make(second)
    assert site.state_of(second) == "queued", "it waits for the other one"
    jobs.make(copied)
    assert site.state_of(copied) == "done", "evidence does not"
    assert woken == []
    may_go_on.set()
    drawing.join()
    assert (site.state_of(first), woken) == ("done", [second])
    jobs.make(second)
    assert (site.state_of(second), woken) == ("done", [second])


def test_what_cannot_be_drawn_on_now_is_not_woken_at_once(
    site: Site, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = site.clips.ask(Clip(new_clip_id(), site.camera.id, site.at, site.at + 4, variant="boxes"))
    monkeypatch.setattr("storage.clips.maker.SPARE_BYTES", 10**18)
    jobs.make(clip.id)
    assert (site.state_of(clip.id), woken) == ("queued", [])
