"""Identities and search by picture, through the API."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from werkzeug.test import TestResponse

from app.cli.media_files import read_picture
from core.settings import Settings
from core.sightings import Passage, TravelTime
from core.types import Event, FrameRef, event_id
from inference.catalogue import ModelStore
from inference.recognisers.reid import build_reid_recogniser
from reid.live_index import LiveIndex
from reid.matching import Matcher
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.gallery import GalleryStore
from storage.media import Media
from storage.secrets import Secrets
from storage.travel_times import TravelTimeStore
from tests.support.api_client import ApiClient, code_of

NOON = 1_795_521_600.0
NOBODY = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def people(database: Database, settings: Settings, shared_data: Path) -> Path:
    """Persons 00 and 04 passed, on cameras 1 and 2, an hour apart; the models are there."""
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    for name in ("yolox_nano_416.onnx", "person-reid-retail-0248.onnx"):
        shutil.copy(shared_data / "models" / name, settings.models_dir)
    CameraStore(database, Secrets(settings.data)).replace_all(
        [Camera(id=n, name=f"camera {n}", url="rtsp://192.0.2.1/") for n in (1, 2)]
    )
    recogniser = build_reid_recogniser(ModelStore(settings.models_dir), None, 1)
    gallery = GalleryStore(database)
    matcher, folder = Matcher(gallery, LiveIndex(gallery)), shared_data / "people"
    for camera_id, at, names in (
        (1, NOON, ("00_1", "00_2")),
        (2, NOON + 3600, ("00_3", "00_4")),
        (1, NOON + 7200, ("04_1", "04_2")),
    ):
        crops = [recogniser.persons_in(read_picture(folder / f"{name}.jpg"))[0].embedding for name in names]
        passage_id = event_id(camera_id, "identity", str(at))
        matcher.identify(Passage(passage_id, camera_id, at, at + 5, tuple(c for c in crops if c)))
    return folder


def search(client: ApiClient, picture: bytes, **query: Any) -> TestResponse:
    data = {"picture": (io.BytesIO(picture), "query.jpg")}
    return client.call("POST", "/reid/search", data=data, content_type="multipart/form-data", query_string=query)


def test_a_picture_finds_the_passages_of_the_person(operator: ApiClient, people: Path) -> None:
    picture = (people / "00_2.jpg").read_bytes()
    found = search(operator, picture).get_json()
    assert len(found["persons"]) == 1
    assert [item["sighting"]["camera_id"] for item in found["items"]][:2] in ([1, 2], [2, 1])
    assert found["items"][1]["similarity"] > 0.75 > found["items"][2]["similarity"]
    assert len({item["sighting"]["identity"] for item in found["items"][:2]}) == 1
    only = search(operator, picture, camera_id=2).get_json()["items"]
    assert [item["sighting"]["started_at"] for item in only] == ["2026-11-24T13:00:00.000Z"]
    assert code_of(search(operator, picture, person=1)) == (422, "no_such_person")
    assert code_of(search(operator, b"no picture")) == (422, "bad_picture")


def test_of_two_persons_in_a_picture_one_or_all_are_searched(operator: ApiClient, people: Path) -> None:
    scene = np.full((480, 640, 3), 127, np.uint8)
    for name, left in (("00_2", 80), ("04_2", 400)):
        person = read_picture(people / f"{name}.jpg")
        scene[50:430, left : left + 140] = cv2.resize(person, (140, 380))
    picture = cv2.imencode(".png", scene)[1].tobytes()
    every = search(operator, picture, limit=3).get_json()
    lefts = [person["box"][0] for person in every["persons"]]
    assert sorted(lefts) == pytest.approx([80, 400], abs=15)
    assert {item["person"] for item in every["items"]} == {0, 1}
    for number, left in enumerate(lefts):
        found = search(operator, picture, person=number).get_json()["items"]
        assert {item["person"] for item in found} == {number}
        hours = sorted(item["sighting"]["started_at"][11:13] for item in found if item["similarity"] > 0.75)
        assert hours == (["12", "13"] if left < 300 else ["14"])


def test_naming_the_time_line_and_erasing(
    operator: ApiClient, admin: ApiClient, people: Path, database: Database, settings: Settings
) -> None:
    picture = (people / "00_2.jpg").read_bytes()
    identity = search(operator, picture).get_json()["items"][0]["sighting"]["identity"]
    assert operator.patch(f"/identities/{identity}", {"name": "Anna"}).get_json()["sightings"] == 2
    line = operator.get("/identities/sightings", query_string={"identity": identity}).get_json()["items"]
    assert [(seen["camera_id"], seen["name"]) for seen in line] == [(2, "Anna"), (1, "Anna")]
    frame = FrameRef(1, 1, NOON, 640, 480)
    event = Event(line[0]["id"], 2, "reid", "identity", NOON, NOON + 5, 0.9, frame)
    EventStore(database).put([(event, "events/a.jpg")], epoch=1)
    media = Media(settings.media_dir)
    for path in ("events/a.jpg", "events/a-plain.jpg"):
        media.write(path, picture)
    assert admin.delete(f"/identities/{identity}").status_code == 204
    assert [media.read(path) for path in ("events/a.jpg", "events/a-plain.jpg")] == [None, None]
    assert code_of(operator.get(f"/identities/{identity}")) == (404, "identity_not_found")
    assert code_of(operator.get(f"/events/{event.id}")) == (404, "event_not_found")
    left = search(operator, picture).get_json()["items"]
    assert [item["sighting"]["started_at"] for item in left] == ["2026-11-24T14:00:00.000Z"]


def test_merging_and_splitting(operator: ApiClient, people: Path) -> None:
    late, early = operator.get("/identities").get_json()["items"]
    merged = operator.post(f"/identities/{early['id']}/merge", {"identities": [late["id"]]}).get_json()
    assert (merged["sightings"], merged["cameras"]) == (3, [1, 2])
    split = operator.post(f"/identities/{early['id']}/split", {"sightings": [late["newest_event"]]})
    assert (split.status_code, split.get_json()["sightings"]) == (201, 1)
    again = operator.post(f"/identities/{early['id']}/split", {"sightings": [late["newest_event"]]})
    assert code_of(again) == (422, "bad_split")


def test_travel_times_are_shown_and_forgotten(
    operator: ApiClient, admin: ApiClient, people: Path, database: Database
) -> None:
    TravelTimeStore(database).learn([TravelTime(1, 2, 12.5, 40), TravelTime(2, 1, 3.0, 20)], NOON)
    shown = operator.get("/reid/travel-times").get_json()["items"]
    assert shown[0] == {"from_camera": 1, "to_camera": 2, "least_s": 12.5, "transitions": 40}
    assert code_of(operator.delete("/reid/travel-times"))[0] == 403
    assert admin.delete("/reid/travel-times", query_string={"camera_id": 77}).status_code == 204
    assert len(operator.get("/reid/travel-times").get_json()["items"]) == 2
    assert admin.delete("/reid/travel-times", query_string={"camera_id": 2}).status_code == 204
    assert operator.get("/reid/travel-times").get_json()["items"] == []


def test_who_may(viewer: ApiClient, operator: ApiClient, database: Database) -> None:
    assert code_of(viewer.get("/identities"))[0] == 403
    assert code_of(search(viewer, b""))[0] == 403
    assert code_of(operator.delete(f"/identities/{NOBODY}"))[0] == 403
    assert code_of(operator.patch(f"/identities/{NOBODY}", {"name": "x"})) == (404, "identity_not_found")


def test_without_the_models_the_answer_says_how_to_get_them(operator: ApiClient, shared_data: Path) -> None:
    answer = search(operator, (shared_data / "people" / "00_0.jpg").read_bytes())
    assert code_of(answer) == (503, "model_missing")
    assert "camrec models pull" in answer.get_json()["message"]
