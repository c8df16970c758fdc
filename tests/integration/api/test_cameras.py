"""Cameras from their first POST to their DELETE."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import redis

from app.api.cameras import edit
from core import keys
from core.settings import Settings
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventFilter, EventStore
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media, event_snapshot_path, kept_frame_path, plain_snapshot_path
from storage.media_removals import remove_noted
from storage.secrets import Secrets
from tests.support.api_client import ApiClient, code_of
from tests.support.stored import an_event

SECRET = "s3cretW0rd"
GATE = {
    "name": "gate",
    "url": f"rtsp://user:{SECRET}@192.0.2.1/main",
    "detect_url": f"rtsp://user:{SECRET}@192.0.2.1/sub",
    "recognitions": [{"kind": "plates", "fps": 2.5}],
}
TRIANGLE = {"name": "yard", "kind": "include", "points": [[0, 0], [1, 0], [0.5, 1]], "recognitions": ["plates"]}


@pytest.fixture
def stored(database: Database, settings: Settings) -> CameraStore:
    return CameraStore(database, Secrets(settings.data))


@pytest.fixture
def gate(operator: ApiClient) -> dict[str, Any]:
    answer = operator.post("/cameras", GATE)
    assert answer.status_code == 201, answer.text
    camera: dict[str, Any] = answer.get_json()
    return camera


def test_a_camera_s_life(operator: ApiClient, admin: ApiClient, stored: CameraStore) -> None:
    # Added: the answer shows everything but the credentials, which are kept.
    answer = operator.post("/cameras", GATE)
    assert answer.status_code == 201
    camera = answer.get_json()
    path = f"/cameras/{camera['id']}"
    assert answer.headers["Location"] == f"/api/v1{path}"
    assert camera["url"] == "rtsp://***@192.0.2.1/main"
    assert camera["detect_url"] == "rtsp://***@192.0.2.1/sub"
    assert camera["recognitions"] == [{"kind": "plates", "fps": 2.5, "settings": {}, "models": {}}]
    assert SECRET not in answer.text
    assert stored.get(camera["id"]).url == GATE["url"]

    # What GET shows can be sent back by PUT as it is: nothing changes, credentials included.
    shown = operator.get(path)
    assert shown.get_json() == camera
    back = operator.put(path, shown.get_json())
    assert back.status_code == 200, back.text
    assert back.get_json() == camera
    assert stored.get(camera["id"]).url == GATE["url"]

    # PATCH changes what it names.
    patched = operator.patch(path, {"enabled": False, "detect_url": None})
    assert patched.status_code == 200, patched.text
    assert patched.get_json() == {**camera, "enabled": False, "detect_url": None, "version": 2}

    # PUT gives defaults to what it leaves out.
    put = operator.put(path, {"name": "gate 2", "url": "rtsp://192.0.2.2/"}).get_json()
    assert (put["name"], put["enabled"], put["recognitions"]) == ("gate 2", True, [])

    # Removed, it is gone.
    assert admin.delete(path).status_code == 204
    assert code_of(operator.get(path)) == (404, "camera_not_found")
    assert code_of(admin.delete(path)) == (404, "camera_not_found")


def test_defaults_of_a_recognition(operator: ApiClient) -> None:
    body = {"name": " spaces around ", "url": "rtsp://192.0.2.1/", "recognitions": [{"kind": "plates"}], "id": 77}
    camera = operator.post("/cameras", body).get_json()
    assert (camera["id"], camera["name"]) == (77, "spaces around")
    assert camera["recognitions"][0]["fps"] == 5.0


def test_what_is_taken_is_a_conflict(operator: ApiClient, gate: dict[str, Any]) -> None:
    assert code_of(operator.post("/cameras", GATE)) == (409, "camera_exists")
    assert code_of(operator.post("/cameras", {**GATE, "name": "other", "id": gate["id"]})) == (409, "camera_exists")


def test_hidden_credentials_of_a_new_camera_are_asked_for(operator: ApiClient) -> None:
    answer = operator.post("/cameras", {**GATE, "url": "rtsp://***@192.0.2.1/main"})
    assert code_of(answer) == (422, "credentials_missing")


def test_if_match_protects_from_overwriting(operator: ApiClient, admin: ApiClient, gate: dict[str, Any]) -> None:
    path = f"/cameras/{gate['id']}"
    tag = operator.get(path).headers["ETag"]
    changed = operator.patch(path, {"name": "new"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    for refused in (
        operator.patch(path, {"name": "newer"}, headers={"If-Match": tag}),
        operator.put(path, GATE, headers={"If-Match": tag}),
        operator.put(f"{path}/zones", [], headers={"If-Match": tag}),
        admin.delete(path, headers={"If-Match": tag}),
    ):
        assert code_of(refused) == (412, "version_mismatch")
    assert operator.get(path).get_json()["name"] == "new"
    assert admin.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204


def test_an_id_cannot_be_changed(operator: ApiClient, gate: dict[str, Any]) -> None:
    for call in (operator.put, operator.patch):
        assert code_of(call(f"/cameras/{gate['id']}", {**GATE, "id": 5})) == (422, "invalid")


def test_the_whole_list_is_replaced_or_nothing(admin: ApiClient, gate: dict[str, Any], stored: CameraStore) -> None:
    admin.post("/cameras", {"name": "old", "url": "rtsp://192.0.2.9/"})
    listed = admin.get("/cameras").get_json()
    wanted = [{**listed["items"][0], "name": "renamed"}, {"name": "third", "url": "rtsp://192.0.2.3/"}]
    answer = admin.put("/cameras", {"items": wanted, "next": None})
    assert answer.status_code == 200, answer.text
    assert [(c["id"], c["name"]) for c in answer.get_json()["items"]] == [(gate["id"], "renamed"), (3, "third")]
    assert stored.get(gate["id"]).url == GATE["url"]
    for wrong in ([*wanted, wanted[1]], [*wanted, {"name": "bad", "url": "ftp://192.0.2.4/"}], [{"name": "no url"}]):
        assert 400 <= admin.put("/cameras", wrong).status_code < 500
        assert [c["name"] for c in admin.get("/cameras").get_json()["items"]] == ["renamed", "third"]
    assert code_of(admin.put("/cameras", {"items": [], "next": "abc"})) == (422, "invalid"), "one page of a list"
    assert admin.put("/cameras", []).get_json()["items"] == []


def test_lists_come_in_pages(operator: ApiClient) -> None:
    for number in range(5):
        operator.post("/cameras", {"name": f"Camera {number}", "url": "rtsp://192.0.2.1/"})
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = operator.get("/cameras", query_string={"limit": 2, **({"cursor": cursor} if cursor else {})}).get_json()
        assert len(page["items"]) <= 2
        names += [c["name"] for c in page["items"]]
        cursor = page["next"]
    assert names == [f"Camera {number}" for number in range(5)]
    found = operator.get("/cameras?name=camera 3").get_json()
    assert [c["name"] for c in found["items"]] == ["Camera 3"]


def test_zones_are_kept_and_leave_the_camera_alone(operator: ApiClient, gate: dict[str, Any]) -> None:
    path = f"/cameras/{gate['id']}"
    answer = operator.put(f"{path}/zones", {"items": [TRIANGLE]})
    assert answer.status_code == 200, answer.text
    assert operator.get(f"{path}/zones").get_json() == {"items": [TRIANGLE], "next": None}
    assert operator.put(f"{path}/zones", operator.get(f"{path}/zones").get_json()).status_code == 200
    camera = operator.patch(path, {"name": "renamed"}).get_json()
    assert camera["zones"] == [TRIANGLE]


@pytest.mark.parametrize(
    "zone",
    [
        {**TRIANGLE, "points": [[0, 0], [1, 1]]},
        {**TRIANGLE, "points": [[0, 0], [1, 1], [1, 0], [0, 1]]},
        {**TRIANGLE, "points": [[0, 0], [0.5, 0.5], [1, 1]]},
        {**TRIANGLE, "points": [[0, 0], [1.1, 0], [0, 1]]},
        {**TRIANGLE, "points": [[0, 0, 0], [1, 0], [0, 1]]},
        {**TRIANGLE, "points": [["0", 0], [1, 0], [0, 1]]},
        {**TRIANGLE, "kind": "maybe"},
        {**TRIANGLE, "recognitions": ["nonsense"]},
        {**TRIANGLE, "name": ""},
        {**TRIANGLE, "name": "a\nb"},
        {k: v for k, v in TRIANGLE.items() if k != "points"},
    ],
    ids=["a line", "crossing itself", "no area", "outside", "three numbers", "text", "kind", "recognition", "no name",
         "newline", "no points"],
)  # fmt: skip
def test_zones_that_cannot_be_are_refused(operator: ApiClient, gate: dict[str, Any], zone: dict[str, Any]) -> None:
    answer = operator.put(f"/cameras/{gate['id']}/zones", [zone])
    assert code_of(answer) == (422, "invalid")
    assert "items" in answer.get_json()["errors"]["json"]
    assert operator.get(f"/cameras/{gate['id']}/zones").get_json()["items"] == []


def test_a_zone_s_name_stands_there_once(operator: ApiClient, gate: dict[str, Any]) -> None:
    assert code_of(operator.put(f"/cameras/{gate['id']}/zones", [TRIANGLE, TRIANGLE])) == (422, "invalid")


def test_capture_is_told_of_every_change(admin: ApiClient, redis_client: redis.Redis) -> None:
    with redis_client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
        subscription.subscribe(keys.CAMERAS_CHANGED)
        subscription.get_message(timeout=2)
        camera_id = admin.post("/cameras", GATE).get_json()["id"]
        admin.patch(f"/cameras/{camera_id}", {"enabled": False})
        admin.put(f"/cameras/{camera_id}/zones", [TRIANGLE])
        admin.put("/cameras", [])
        said = [subscription.get_message(timeout=2) for _ in range(4)]
    assert [message and message["data"] for message in said] == [str(camera_id).encode()] * 3 + [b"*"]


def status_said(**fields: Any) -> str:
    """As `capture.status` writes it."""
    return json.dumps(
        {
            "state": "streaming",
            "reason": None,
            "message": None,
            "since": time.time() - 60,
            "last_frame_at": time.time() - 0.5,
            "received_fps": 25.0,
            "decoded_fps": 25.0,
            "sampled_fps": 5.0,
            "asked_fps": {"plates": 2.5},
            "reached_fps": {"plates": 2.4},
            "drops": {"superseded": 3},
            "reconnects": 1,
            "width": 1280,
            "height": 720,
            "codec": "h264",
            "gop_s": 2.0,
            "key_frames_only": False,
            **fields,
        }
    )


def test_status_is_what_capture_says(viewer: ApiClient, gate: dict[str, Any], redis_client: redis.Redis) -> None:
    redis_client.set(keys.camera_status(gate["id"]), status_said())
    status = viewer.get(f"/cameras/{gate['id']}/status").get_json()
    assert (status["state"], status["reason"], status["drops"]) == ("streaming", None, {"superseded": 3})
    assert (status["asked_fps"], status["reached_fps"]) == ({"plates": 2.5}, {"plates": 2.4})
    assert 0.5 <= status["frame_age_s"] < 5
    assert viewer.get("/cameras/status").get_json()["items"] == [{**status, "frame_age_s": pytest.approx(0.5, abs=5)}]


def test_status_without_a_sign_of_capture(
    viewer: ApiClient, operator: ApiClient, gate: dict[str, Any], redis_client: redis.Redis
) -> None:
    path = f"/cameras/{gate['id']}"
    status = viewer.get(f"{path}/status").get_json()
    assert (status["state"], status["frame_age_s"]) == ("connecting", None)
    assert "No capture process" in status["message"]
    assert status["reached_fps"] == {"plates": 0.0}
    redis_client.hset(keys.CAPTURE_NODES, "here", json.dumps({"at": time.time(), "cameras": 0}))
    assert "not taken up" in viewer.get(f"{path}/status").get_json()["message"]
    operator.patch(path, {"enabled": False})
    redis_client.set(keys.camera_status(gate["id"]), status_said())
    assert viewer.get(f"{path}/status").get_json()["state"] == "disabled", (
        "capture's last word is older than the change"
    )
    assert code_of(viewer.get("/cameras/999/status")) == (404, "camera_not_found")


@pytest.mark.parametrize("purge", [False, True], ids=["keep", "purge"])
def test_what_a_camera_leaves_behind(
    admin: ApiClient, gate: dict[str, Any], database: Database, settings: Settings, purge: bool
) -> None:
    media, at = Media(settings.media_dir), time.time()
    frame_path, event = kept_frame_path(gate["id"], at), an_event(gate["id"], at)
    snapshot = event_snapshot_path(event.id, at)
    files = [frame_path, snapshot, plain_snapshot_path(snapshot)]
    for path in files:
        media.write(path, b"picture")
    KeptFrameStore(database).add([KeptFrame(gate["id"], at, frame_path, 4, 3, 7)])
    EventStore(database).put([(event, snapshot)], epoch=1)
    assert admin.delete(f"/cameras/{gate['id']}?purge={str(purge).lower()}").status_code == 204
    assert [media.read(path) is None for path in files] == [purge] * 3
    assert len(EventStore(database).page(EventFilter(), None, 9)) == (0 if purge else 1)
    listed = admin.get(f"/cameras/{gate['id']}/frames")
    assert listed.status_code == (404 if purge else 200)


def test_a_purge_answers_before_the_last_of_many_files_is_gone(
    admin: ApiClient, gate: dict[str, Any], database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit, "PURGED_AT_ONCE", 1)
    media, at = Media(settings.media_dir), time.time()
    frames = [KeptFrame(gate["id"], at + n, kept_frame_path(gate["id"], at + n), 4, 3, 7) for n in range(3)]
    for frame in frames:
        media.write(frame.path, b"picture")
    KeptFrameStore(database).add(frames)
    assert admin.delete(f"/cameras/{gate['id']}?purge=true").status_code == 204
    assert sum(media.read(frame.path) is None for frame in frames) == 1
    assert remove_noted(database, media, settings.node) == 2
    assert all(media.read(frame.path) is None for frame in frames)
