"""Clips of events, on real segment files; the job runs in the test's own process."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO

import av
import pytest
from flask import Flask

from app.api.clips import limit
from app.api.services import services
from core.settings import Settings
from core.types import Event
from storage.clips.store import ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.segments import Segment, SegmentStore
from tests.support.api_client import ApiClient, code_of
from tests.support.installation import START
from tests.support.recordings import numbers_in, write_segments
from tests.support.stored import an_event


def test_the_clip_of_an_event(
    database: Database, viewer: ApiClient, camera_id: int, segments: list[Segment], work: Callable[[str], bool]
) -> None:
    event = an_event(camera_id, START + 6, ended_at=START + 8)
    EventStore(database).put([(event, None)], epoch=1)
    url = f"/events/{event.id}/clip"
    answer = viewer.get(url)
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "2")
    work(answer.get_json()["id"])
    answer = viewer.get(url)
    assert (answer.status_code, answer.mimetype) == (200, "video/mp4")
    assert numbers_in(answer.data) == list(range(25, 250))  # from 5 s before it; after 10 s nothing was recorded
    assert viewer.get(url, headers={"Range": "bytes=0-99"}).status_code == 206
    assert viewer.get(f"{url}/manifest").get_json()["manifest"]["camera"]["id"] == camera_id


@pytest.mark.parametrize("variant", ["timestamp", "boxes"])
def test_the_clip_of_an_event_with_something_drawn_on_it(
    database: Database,
    settings: Settings,
    viewer: ApiClient,
    seen_event: Event,
    work: Callable[[str], bool],
    variant: str,
) -> None:
    plain, url = f"/events/{seen_event.id}/clip", f"/events/{seen_event.id}/clip?variant={variant}"
    work(viewer.get(plain).get_json()["id"])
    as_recorded = viewer.get(plain).data
    answer = viewer.get(url)
    asked = answer.get_json()
    assert (answer.status_code, answer.headers["Retry-After"], asked["variant"]) == (202, "2", variant)
    assert code_of(viewer.get(f"{plain}/manifest?variant={variant}")) == (404, "no_clip")
    assert viewer.get(url).get_json()["id"] == asked["id"], "asked for twice, made once"
    assert ClipStore(database).unfinished(drawn=True) == 1
    assert viewer.get(asked["links"]["self"].removeprefix("/api/v1")).get_json()["state"] == "queued"
    work(asked["id"])
    drawn = viewer.get(url)
    assert (drawn.status_code, drawn.mimetype) == (200, "video/mp4")
    with av.open(BytesIO(drawn.data), "r") as container:
        pictures = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
    assert len(pictures) == len(numbers_in(as_recorded)) == 225
    assert all(picture[3, 3].max() < 60 for picture in pictures), "the time stands on black at the top left"
    assert viewer.get(f"{plain}/manifest?variant={variant}").get_json()["manifest"]["clip"]["variant"] == variant
    assert viewer.get(plain).data == as_recorded, "the evidence is another file"
    assert len(list((settings.media_dir / "clips").rglob("*.mp4"))) == 2
    assert [c["id"] for c in viewer.get("/clips").get_json()["items"]] == [], "those of events are not listed"


def test_an_unknown_variant_of_an_event_clip(viewer: ApiClient, seen_event: Event) -> None:
    assert code_of(viewer.get(f"/events/{seen_event.id}/clip?variant=x")) == (422, "invalid")


@pytest.mark.parametrize("most", ["MOST_DRAWN", "MOST_DRAWN_OF_ONE_USER"])
def test_too_many_clips_that_are_drawn_on(
    login: Callable[[str], ApiClient], seen_event: Event, monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    url = f"/events/{seen_event.id}/clip"
    monkeypatch.setattr(limit, most, 1)
    monkeypatch.setattr(limit, "MOST_UNFINISHED", 1)
    viewer, operator = login("viewer"), login("operator")
    assert viewer.get(f"{url}?variant=boxes").status_code == 202
    assert code_of(viewer.get(f"{url}?variant=timestamp")) == (429, "too_many_clips")
    assert viewer.get(url).status_code == 202, "every event gets that one anyway"
    body = {"camera_id": seen_event.camera_id, "from": START, "to": START + 5}
    another = operator.post("/clips", {**body, "variant": "boxes"})
    assert another.status_code == (202 if most == "MOST_DRAWN_OF_ONE_USER" else 429)
    assert operator.post("/clips", body).status_code == 202, "what is drawn on takes nobody's place"
    assert code_of(operator.post("/clips", body)) == (429, "too_many_clips")


def test_the_clip_of_an_event_that_went_on_is_made_anew(
    database: Database, viewer: ApiClient, camera_id: int, segments: list[Segment], work: Callable[[str], bool]
) -> None:
    event = an_event(camera_id, START + 1, ended_at=None)
    EventStore(database).put([(event, None)], epoch=1)
    url = f"/events/{event.id}/clip"
    work(viewer.get(url).get_json()["id"])
    assert numbers_in(viewer.get(url).data) == list(range(175))  # up to its best picture, and 5 s
    EventStore(database).put([(an_event(camera_id, START + 1, ended_at=START + 5), None)], epoch=1)
    answer = viewer.get(url)
    assert answer.status_code == 202
    work(answer.get_json()["id"])
    assert numbers_in(viewer.get(url).data) == list(range(250))


@pytest.mark.parametrize("recording_is_gone", [False, True], ids=["recorded", "recording gone"])
def test_a_clip_stays_when_the_camera_gets_another_post_roll(
    database: Database,
    operator: ApiClient,
    seen_event: Event,
    segments: list[Segment],
    work: Callable[[str], bool],
    recording_is_gone: bool,
) -> None:
    url = f"/events/{seen_event.id}/clip"
    work(operator.get(url).get_json()["id"])
    before = operator.get(url).data
    if recording_is_gone:
        SegmentStore(database).forget([segment.path for segment in segments])
    recording = {"mode": "events", "pre_s": 5, "post_s": 10}
    assert operator.patch(f"/cameras/{seen_event.camera_id}", {"recording": recording}).status_code == 200
    assert operator.get(url).data == before


def test_the_clip_of_the_first_half_of_an_event_is_better_than_none(
    database: Database, viewer: ApiClient, camera_id: int, segments: list[Segment], work: Callable[[str], bool]
) -> None:
    event = an_event(camera_id, START + 1, ended_at=None)
    EventStore(database).put([(event, None)], epoch=1)
    url = f"/events/{event.id}/clip"
    work(viewer.get(url).get_json()["id"])
    half = viewer.get(url).data
    EventStore(database).put([(an_event(camera_id, START + 1, ended_at=START + 5), None)], epoch=1)
    SegmentStore(database).forget([segment.path for segment in segments])
    assert (viewer.get(url).status_code, viewer.get(url).data) == (200, half)


def test_events_without_a_clip(database: Database, viewer: ApiClient, camera_id: int) -> None:
    now = time.time()
    long_ago, just_now = an_event(camera_id, START + 500), an_event(camera_id, now - 3, ended_at=now)
    EventStore(database).put([(long_ago, None), (just_now, None)], epoch=1)
    assert code_of(viewer.get(f"/events/{long_ago.id}/clip")) == (404, "no_clip")
    assert viewer.get(f"/events/{just_now.id}/clip").status_code == 202
    assert code_of(viewer.get("/events/6f0f6a52-5d2b-5b0e-9a9c-0c3d7a1e4b77/clip")) == (404, "event_not_found")


def test_clips_of_events_are_asked_for_when_the_post_roll_is_in(
    app: Flask, database: Database, settings: Settings, operator: ApiClient, camera_id: int
) -> None:
    now = time.time()
    unrecorded = int(operator.post("/cameras", {"name": "yard", "url": "rtsp://192.0.2.2/"}).get_json()["id"])
    SegmentStore(database).add(write_segments(settings.media_dir, camera_id, now - 30, 5))
    early, late, goes_on, elsewhere = (
        an_event(camera_id, now - 27, ended_at=now - 26),
        an_event(camera_id, now - 22, ended_at=now - 20),  # its post-roll ends 5 s behind the last segment
        an_event(camera_id, now - 28, ended_at=None),
        an_event(unrecorded, now - 27, ended_at=now - 26),
    )
    EventStore(database).put([(e, None) for e in (early, late, goes_on, elsewhere)], epoch=1)
    with app.app_context():
        events = services().event_clips
    asked = events.ask_for_new(events.without_clip(now - 60, 100), now)
    assert [clip.event_id for clip in asked] == [early.id]
    ClipStore(database).ask(events.wanted(late, "boxes"))  # which does not stand for the one that every event gets
    asked = events.ask_for_new(events.without_clip(now - 60, 100), now + 60)
    assert [clip.event_id for clip in asked] == [late.id]
    assert events.ask_for_new(events.without_clip(now - 60, 100), now + 60) == []
