from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from core.sightings import Sighting, TravelTime
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.gallery import GalleryStore
from storage.identities import IdentityStore
from storage.models import TravelTimeRow
from storage.travel_times import TravelTimeStore
from tasks.reid import learn_travel_times
from tests.integration.database.test_gallery import look, uid

WALKERS = 22
NOW = 1e6


@pytest.fixture
def store(database: Database, cameras: CameraStore) -> TravelTimeStore:
    """As many walkers went from camera 1 to camera 2 in 40 s; each was recognised surely, so that none needs a name."""
    cameras.replace_all([Camera(n, f"camera {n}", "rtsp://10.0.0.5/") for n in (1, 2, 3)])
    for number in range(WALKERS):
        walk(database, number, similarity=0.9)
    return TravelTimeStore(database)


def walk(database: Database, number: int, similarity: float, start: float = 0.0) -> None:
    at = start + 1000.0 * number
    left = Sighting(uid(2 * number), uid(9000 + number), 1, at, at + 10, look(1), None)
    gallery = GalleryStore(database)
    gallery.add(left)
    gallery.add(
        replace(left, id=uid(2 * number + 1), camera_id=2, started_at=at + 50, ended_at=at + 60, similarity=similarity)
    )


def test_learnt_from_the_gallery_and_read_by_both_cameras(database: Database, store: TravelTimeStore) -> None:
    assert learn_travel_times(database, NOW) == 1
    way = TravelTime(1, 2, least_s=20.0, transitions=WALKERS)
    assert store.all() == store.of_camera(1) == GalleryStore(database).travel_times(2) == [way]
    assert store.of_camera(3) == []


def test_unsure_matches_count_once_somebody_vouches_for_them(database: Database, store: TravelTimeStore) -> None:
    for number in range(WALKERS, WALKERS + 5):
        walk(database, number, similarity=0.76)
    learn_travel_times(database, NOW)
    assert store.all()[0].transitions == WALKERS
    IdentityStore(database).rename(uid(9000 + WALKERS), "Anna")
    learn_travel_times(database, NOW)
    assert store.all()[0].transitions == WALKERS + 1


def test_nothing_of_anybody_is_kept_and_the_value_outlives_them(database: Database, store: TravelTimeStore) -> None:
    learn_travel_times(database, NOW)
    identities = IdentityStore(database)
    for number in range(WALKERS):
        identities.erase(uid(9000 + number))
    learn_travel_times(database, NOW + 1)
    assert store.all() == [TravelTime(1, 2, 20.0, WALKERS)]
    columns = {column.name for column in TravelTimeRow.__table__.columns}
    assert columns == {"from_camera", "to_camera", "least_s", "transitions", "forgotten_at", "learnt_at"}


def test_what_was_forgotten_is_only_learnt_again_from_new_passages(database: Database, store: TravelTimeStore) -> None:
    learn_travel_times(database, NOW)
    assert store.forget(3, NOW) == 0
    assert store.forget(1, NOW) == 1
    assert store.forget(None, NOW) == 0
    learn_travel_times(database, NOW + 1)
    assert store.all() == []
    for number in range(WALKERS, 2 * WALKERS):
        walk(database, number, similarity=0.9, start=NOW)
    learn_travel_times(database, 2 * NOW)
    assert [way.transitions for way in store.all()] == [WALKERS]


def test_ways_go_with_their_camera(database: Database, store: TravelTimeStore, cameras: CameraStore) -> None:
    learn_travel_times(database, NOW)
    cameras.remove(2)
    learn_travel_times(database, NOW)
    with database.read() as session:
        assert session.scalars(select(TravelTimeRow)).all() == []
