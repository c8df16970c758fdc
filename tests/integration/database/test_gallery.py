from __future__ import annotations

import numpy as np
import pytest

from core.embedding import Embedding
from core.sightings import Passage, Sighting, Thresholds
from core.types import Event, FrameRef
from reid.live_index import LiveIndex
from reid.matching import Matcher
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips.store import Clip, ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.gallery import GalleryStore
from storage.identities import BadSplitError, IdentityNotFoundError, IdentityStore, SightingFilter
from storage.retention.locks import KeepLock, KeepLockStore
from tests.support.stored import a_clip

MODEL = "m@1"


def look(axis: int) -> Embedding:
    return Embedding.of(MODEL, np.eye(8, dtype=np.float32)[axis], 0.5)


def uid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def sighting(number: int, identity: int, camera_id: int = 1) -> Sighting:
    at = 1000.0 * number
    return Sighting(uid(number), uid(100 + identity), camera_id, at, at + 10, look(identity), None)


@pytest.fixture
def gallery(database: Database, cameras: CameraStore) -> GalleryStore:
    cameras.replace_all([Camera(1, "gate", "rtsp://10.0.0.5/"), Camera(2, "yard", "rtsp://10.0.0.6/")])
    return GalleryStore(database)


@pytest.fixture
def identities(database: Database, gallery: GalleryStore) -> IdentityStore:
    """Identity 101 with sightings 1 to 3 on two cameras, 102 with sighting 4."""
    for one in (sighting(1, 1), sighting(2, 1, camera_id=2), sighting(3, 1), sighting(4, 2)):
        gallery.add(one)
    return IdentityStore(database)


def found_in(index: LiveIndex) -> dict[str, str]:
    return {hit.key: hit.group for axis in (1, 2) for hit in index.search(look(axis), 50)}


def test_comes_back_as_it_was_stored_and_once(gallery: GalleryStore) -> None:
    for _ in range(2):
        gallery.add(sighting(1, 1))
    assert gallery.get(uid(1)) == sighting(1, 1)
    assert gallery.count(MODEL) == 1
    assert gallery.ids("m@2") == set()
    gallery.add(sighting(2, 1, camera_id=77))
    assert gallery.get(uid(2)) is None, "its camera is gone"


def test_the_index_follows_what_others_write(gallery: GalleryStore, identities: IdentityStore) -> None:
    index = LiveIndex(gallery)
    assert found_in(index) == {uid(1): uid(101), uid(2): uid(101), uid(3): uid(101), uid(4): uid(102)}
    gallery.add(sighting(5, 2))
    identities.merge(uid(101), [uid(102)])
    assert found_in(index) == {uid(n): uid(101) for n in range(1, 6)}
    made = identities.split(uid(101), [uid(4), uid(5)])
    assert found_in(index) == {**{uid(n): uid(101) for n in range(1, 4)}, uid(4): made.id, uid(5): made.id}


def test_lists_names_and_time_line(identities: IdentityStore) -> None:
    assert [i.id for i in identities.page(None, None, 10)] == [uid(102), uid(101)]
    first = identities.rename(uid(101), "Anna")
    assert (first.name, first.sightings, first.cameras, first.newest) == ("Anna", 3, (1, 2), uid(3))
    assert [i.id for i in identities.page("ann", None, 10)] == [uid(101)]
    line = identities.sightings(SightingFilter(identity_id=uid(101)), None, 10)
    assert [(s.id, s.camera_id, s.name) for s in line] == [
        (uid(3), 1, "Anna"),
        (uid(2), 2, "Anna"),
        (uid(1), 1, "Anna"),
    ]
    assert identities.merge(uid(102), [uid(101)]).name == "Anna"
    for wrong in ([uid(9)], [uid(n) for n in range(1, 5)]):
        with pytest.raises(BadSplitError):
            identities.split(uid(102), wrong)
    with pytest.raises(IdentityNotFoundError):
        identities.get(uid(101))


def identity_event(number: int) -> Event:
    frame = FrameRef(1, number, 1000.0 * number, 640, 480)
    return Event(uid(number), 1, "reid", "identity", 1000.0 * number, None, 0.9, frame, box=(1.0, 2.0, 3.0, 4.0))


def test_erasure_leaves_no_row_no_vector_and_names_every_file(
    database: Database, gallery: GalleryStore, identities: IdentityStore
) -> None:
    events, clips, index = EventStore(database), ClipStore(database), LiveIndex(gallery)
    events.put([(identity_event(n), f"events/{n}.jpg") for n in (1, 4)], epoch=1)
    a_clip(clips, Clip("c1", 1, 0.0, 10.0, event_id=uid(1)), "clips/c1.mp4", 10)
    assert len(found_in(index)) == 4
    files = identities.erase(uid(101))
    assert sorted(files) == ["clips/c1.mp4", "clips/c1.mp4.manifest.json", "events/1-plain.jpg", "events/1.jpg"]
    assert events.get(uid(1)) is None
    assert clips.get("c1") is None
    assert gallery.ids(MODEL) == {uid(4)}
    assert not index.holds(MODEL, uid(1)) or found_in(index) == {uid(4): uid(102)}
    index.refresh()
    assert not any(index.holds(MODEL, uid(n)) for n in (1, 2, 3))
    passage = Passage(uid(1), 1, 1000.0, 1010.0, (look(1),))
    assert not Matcher(gallery, index).update(passage), "what goes on afterwards brings nothing back"


def test_retention_takes_sightings_and_identities_left_with_none(
    gallery: GalleryStore, identities: IdentityStore
) -> None:
    assert identities.expire(2500.0, 10) == (2, [])
    assert gallery.ids(MODEL) == {uid(3), uid(4)}
    assert identities.get(uid(101)).sightings == 1
    assert identities.expire(1e9, 10)[0] == 2
    assert identities.page(None, None, 10) == []


def test_retention_leaves_locked_sightings_alone(
    database: Database, gallery: GalleryStore, identities: IdentityStore
) -> None:
    lock = KeepLock("a", 1, from_s=1005.0, to_s=1006.0, created_by="operator", created_at=0.0)
    KeepLockStore(database).add(lock)
    assert identities.expire(2500.0, 10)[0] == 1
    assert gallery.ids(MODEL) == {uid(1), uid(3), uid(4)}
    KeepLockStore(database).remove("a")
    assert identities.expire(2500.0, 10)[0] == 1


def test_a_purged_camera_takes_its_sightings_along(
    gallery: GalleryStore, identities: IdentityStore, cameras: CameraStore
) -> None:
    cameras.remove(2, purge=True)
    assert gallery.ids(MODEL) == {uid(1), uid(3), uid(4)}


def test_thresholds_of_the_site(gallery: GalleryStore) -> None:
    assert gallery.thresholds(MODEL) is None
    for similarity in (0.7, 0.8):
        gallery.set_thresholds(MODEL, Thresholds(similarity, 0.05))
    assert gallery.thresholds(MODEL) == Thresholds(0.8, 0.05)
