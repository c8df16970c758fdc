"""Events: lists, pictures, and the tail that the live feed follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.media import Media, decode_jpeg, encode_jpeg, event_snapshot_path, plain_snapshot_path
from storage.secrets import Secrets
from tests.support.api_client import ApiClient, code_of
from tests.support.stored import an_event

NOON = 1_795_521_600.0


@pytest.fixture
def events(database: Database, settings: Settings) -> EventStore:
    """Without events, with cameras 1 to 9: events of others are not stored."""
    CameraStore(database, Secrets(settings.data)).replace_all(
        [Camera(id=n, name=f"camera {n}", url="rtsp://192.0.2.1/") for n in range(1, 10)]
    )
    return EventStore(database)


def test_an_event_as_clients_see_it(viewer: ApiClient, events: EventStore) -> None:
    event = an_event(3, NOON, ended_at=None, details={"region": "DE"})
    events.put([(event, None)], epoch=1)
    shown = viewer.get(f"/events/{event.id}").get_json()
    changed_at = shown.pop("changed_at")
    assert changed_at.endswith("Z")
    assert shown == {
        "id": event.id,
        "camera_id": 3,
        "recognition": "plates",
        "kind": "plate",
        "started_at": "2026-11-24T12:00:00.000Z",
        "ended_at": None,
        "score": 0.9,
        "text": "B AB 123",
        "box": [10.0, 20.0, 110.0, 60.0],
        "best_frame": {
            "captured_at": "2026-11-24T12:00:01.000Z",
            "width": 1280,
            "height": 720,
            "trace_id": "7e88cc702c81c30ebda86f1c5610d87a",
        },
        "details": {"region": "DE"},
        "links": {
            "self": f"/api/v1/events/{event.id}",
            "snapshot": None,
            "clip": f"/api/v1/events/{event.id}/clip",
        },
    }
    assert viewer.get(f"/events/{event.id}").get_json()["id"] == event.id
    assert viewer.get("/events").get_json()["items"] == [{**shown, "changed_at": changed_at}]


def test_pages_are_newest_first_and_miss_nothing(viewer: ApiClient, events: EventStore) -> None:
    # Several events at one moment: the cursor must not skip those that share the time of a page's last one.
    written = [an_event(camera, NOON + minute) for minute in range(4) for camera in range(1, 4)]
    events.put([(event, None) for event in written], epoch=1)
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = viewer.get("/events", query_string={"limit": 5, **({"cursor": cursor} if cursor else {})}).get_json()
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
        assert len(page["items"]) == 5
    assert [item["id"] for item in seen] == [
        e.id for e in sorted(written, key=lambda e: (e.started_at, e.id), reverse=True)
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, [4, 3, 2, 1], id="all"),
        pytest.param({"camera_id": 2}, [2], id="camera"),
        pytest.param({"recognition": "plates", "kind": "plate"}, [4, 3, 2, 1], id="kinds"),
        pytest.param({"from": "2026-11-24T12:00:02Z"}, [4, 3, 2], id="from is inclusive"),
        pytest.param({"to": NOON + 3}, [2, 1], id="to is exclusive"),
        pytest.param(
            {"from": "2026-11-24T13:00:02+01:00", "to": "2026-11-24T12:00:04Z"}, [3, 2], id="both, with zones"
        ),
        pytest.param({"text": "abc"}, [3], id="part of the text, in any case"),
        pytest.param({"text": "%"}, [4], id="no wildcard"),
        pytest.param({"camera_id": 99}, [], id="a camera that is not there"),
    ],
)
def test_filters(viewer: ApiClient, events: EventStore, query: dict[str, Any], expected: list[int]) -> None:
    texts = {3: "X ABCD", 4: "100%"}
    events.put([(an_event(n, NOON + n, text=texts.get(n, "M XY 1")), None) for n in range(1, 5)], epoch=1)
    assert [e["camera_id"] for e in viewer.get("/events", query_string=query).get_json()["items"]] == expected


def test_snapshots_with_and_without_box(viewer: ApiClient, events: EventStore, settings: Settings) -> None:
    event, media = an_event(1, NOON), Media(settings.media_dir)
    path = event_snapshot_path(event.id, NOON)
    drawn, plain = (encode_jpeg(np.full((90, 160, 3), value, np.uint8)) for value in (10, 200))
    events.put([(event, path)], epoch=1)
    url = f"/events/{event.id}/snapshot"
    assert viewer.get(f"/events/{event.id}").get_json()["links"]["snapshot"] == f"/api/v1{url}"
    assert code_of(viewer.get(url)) == (404, "no_snapshot"), "the file is not there yet"
    media.write(path, drawn)
    assert code_of(viewer.get(f"{url}?box=false")) == (404, "no_snapshot")
    media.write(plain_snapshot_path(path), plain)
    answer = viewer.get(url)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/jpeg", drawn)
    assert answer.headers["X-Captured-At"] == "2026-11-24T12:00:01.000Z"
    assert viewer.get(f"{url}?box=false").data == plain
    small = decode_jpeg(viewer.get(f"{url}?width=80").data)
    assert small is not None
    assert small.shape == (45, 80, 3)


def test_what_has_no_picture_or_is_no_event(viewer: ApiClient, events: EventStore) -> None:
    event = an_event(1, NOON)
    assert code_of(viewer.get(f"/events/{event.id}")) == (404, "event_not_found")
    assert code_of(viewer.get(f"/events/{event.id}/snapshot")) == (404, "event_not_found")
    events.put([(event, None)], epoch=1)
    assert code_of(viewer.get(f"/events/{event.id}/snapshot")) == (404, "no_snapshot")
