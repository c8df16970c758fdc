from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from core.errors import CamrecError
from core.types import Event, FrameRef, Zone
from storage.camera import Camera, CameraRecognition
from storage.camera_rows import CredentialsMissingError
from storage.cameras import CameraExistsError, CameraNotFoundError, CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.model_choices import ModelChoices
from storage.secrets import Secrets

PLATES = CameraRecognition("plates", 5.0, {"region": "de"})
URL = "rtsp://admin:s3cret@10.0.0.5/main"
NORTH = Zone("north", "include", ((0.0, 0.0), (1.0, 0.0), (0.5, 0.5)), ("plates",))


def camera(name: str, camera_id: int = 0, url: str = URL) -> Camera:
    return Camera(camera_id, name, url, recognitions=(PLATES,))


def names(store: CameraStore) -> dict[int, str]:
    return {c.id: c.name for c in store.all()}


def test_comes_back_as_it_was_stored(cameras: CameraStore) -> None:
    wanted = Camera(
        7, "gate", URL, "rtsp://u:p@10.0.0.5/sub", enabled=False, tls_verify=False, keep_fps=0.5, recognitions=(PLATES,)
    )
    stored = cameras.add(wanted)
    assert replace(stored, version=0, created_at=0.0) == wanted
    assert stored.version == 1
    assert cameras.get(7) == stored == cameras.all()[0]


def test_urls_are_encrypted_in_the_database(cameras: CameraStore, database: Database) -> None:
    cameras.add(replace(camera("gate"), detect_url="rtsp://u:hidden@10.0.0.5/sub"))
    with database.read() as session:
        row = str(session.execute(text("SELECT * FROM cameras")).one())
    assert "s3cret" not in row
    assert "hidden" not in row
    assert "rtsp://***@10.0.0.5/main" in row


def test_another_key_is_told_with_a_way_out_that_works(
    cameras: CameraStore, database: Database, tmp_path: Path
) -> None:
    gate = cameras.add(camera("gate"))
    other = CameraStore(database, Secrets(tmp_path / "other"))
    (found,) = other.all()
    assert "another key" in (found.fault or "")
    assert "enter the URL again" in (found.fault or "")
    assert (found.name, found.url) == ("gate", gate.url_shown)
    with pytest.raises(CredentialsMissingError):
        other.edit(gate.id, lambda before: replace(before, name="door"))
    mended = other.edit(gate.id, lambda before: replace(before, url=gate.url))
    assert (mended.fault, mended.url, mended.version) == (None, gate.url, gate.version + 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param([0, 0, 0], [0], id="free ids"),
        pytest.param([0, 10], [0, 0], id="an id by hand"),
        pytest.param([10, 3], [0], id="a lower id by hand after a higher one"),
    ],
)
def test_ids_are_never_used_again(cameras: CameraStore, first: list[int], second: list[int]) -> None:
    used = [cameras.add(camera(f"first-{i}", wanted)).id for i, wanted in enumerate(first)]
    for camera_id in used:
        cameras.remove(camera_id)
    later = [cameras.add(camera(f"second-{i}", wanted)).id for i, wanted in enumerate(second)]
    assert min(later) > max(used)


def test_a_low_id_by_hand_frees_no_deleted_id(cameras: CameraStore) -> None:
    cameras.add(camera("ten", 10))
    cameras.remove(10)
    cameras.add(camera("three", 3))
    assert cameras.add(camera("next")).id == 11


def test_taken_name_and_id_are_refused(cameras: CameraStore) -> None:
    cameras.add(camera("gate", 1))
    with pytest.raises(CameraExistsError, match="gate"):
        cameras.add(camera("gate"))
    with pytest.raises(CameraExistsError, match="yard"):
        cameras.add(camera("yard", 1))
    other = cameras.add(camera("yard"))
    with pytest.raises(CameraExistsError, match="gate"):
        cameras.change(replace(other, name="gate"))
    assert names(cameras) == {1: "gate", other.id: "yard"}


def test_unknown_id_is_refused(cameras: CameraStore) -> None:
    for call in (
        cameras.get,
        cameras.remove,
        lambda i: cameras.change(camera("x", i)),
        lambda i: cameras.set_zones(i, []),
    ):
        with pytest.raises(CameraNotFoundError, match="99"):
            call(99)


@pytest.mark.parametrize(
    ("change", "grows"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"url": "rtsp://***@10.0.0.5/main"}, False, id="URL as it was shown"),
        pytest.param({"name": "yard"}, True, id="name"),
        pytest.param({"url": "rtsp://10.0.0.5/main"}, True, id="URL"),
        pytest.param({"enabled": False}, True, id="enabled"),
        pytest.param({"recognitions": ()}, True, id="recognitions"),
        pytest.param({"recognitions": (replace(PLATES, fps=1.0),)}, True, id="fps"),
        pytest.param({"recognitions": (replace(PLATES, settings={}),)}, True, id="settings"),
        pytest.param({"keep_fps": 0.2}, True, id="keep_fps"),
        pytest.param({"zones": ()}, False, id="zones are not changed here"),
    ],
)
def test_version_grows_with_a_change_only(cameras: CameraStore, change: dict[str, object], grows: bool) -> None:
    before = cameras.add(camera("gate"))
    before = cameras.set_zones(before.id, [NORTH])
    after = cameras.change(replace(before, **change))  # type: ignore[arg-type]
    assert after.version == before.version + grows
    assert after.zones == (NORTH,)
    assert cameras.versions() == {before.id: after.version}


def test_order_of_recognitions_is_no_change(cameras: CameraStore) -> None:
    two = (PLATES, CameraRecognition("falls", 2.0))
    before = cameras.add(replace(camera("gate"), recognitions=two))
    assert cameras.change(replace(before, recognitions=two)).version == before.version


def test_hidden_credentials_mean_the_known_ones(cameras: CameraStore) -> None:
    before = cameras.add(camera("gate"))
    shown = cameras.change(replace(before, url=before.url_shown, detect_url=before.url_shown, name="yard"))
    assert (shown.url, shown.detect_url) == (URL, URL)


@pytest.mark.parametrize("url", ["rtsp://***@10.0.0.6/main", "rtsp://***@10.0.0.5/other"])
def test_hidden_credentials_of_another_place_are_refused(cameras: CameraStore, url: str) -> None:
    before = cameras.add(camera("gate"))
    with pytest.raises(CredentialsMissingError):
        cameras.change(replace(before, url=url))
    with pytest.raises(CredentialsMissingError):
        cameras.add(camera("new", url=url))
    assert cameras.get(before.id).url == URL


def test_replace_all_adds_changes_and_removes(cameras: CameraStore) -> None:
    kept, gone = cameras.add(camera("kept")), cameras.add(camera("gone"))
    put = cameras.replace_all([camera("new"), camera("kept")])
    assert [c.name for c in put] == ["new", "kept"]
    assert put[1] == kept
    assert put[0].id > gone.id
    assert set(names(cameras)) == {put[0].id, kept.id}


def test_replace_all_may_swap_names(cameras: CameraStore) -> None:
    cameras.replace_all([camera("a", 1), camera("b", 2), camera("c", 3)])
    cameras.replace_all([camera("b", 1), camera("c", 2), camera("a", 3)])
    assert names(cameras) == {1: "b", 2: "c", 3: "a"}


def test_replace_all_gives_a_removed_name_to_another(cameras: CameraStore) -> None:
    cameras.add(camera("gate", 1))
    cameras.replace_all([camera("gate", 2)])
    assert names(cameras) == {2: "gate"}


def test_free_ids_do_not_take_those_given_further_down(cameras: CameraStore) -> None:
    put = cameras.replace_all([camera("free"), camera("first", 1), camera("second", 2)])
    assert [c.name for c in put] == ["free", "first", "second"]
    assert [c.id for c in put] == [3, 1, 2]


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param([camera("x", 1), camera("x", 2)], id="name"),
        pytest.param([camera("x", 1), camera("y", 1)], id="id"),
        pytest.param([camera("old", 1), camera("y", 1)], id="id of a known camera"),
        pytest.param([camera("new", 5), camera("y", url="rtsp://***@h/")], id="a camera that cannot be stored"),
    ],
)
def test_replace_all_is_all_or_nothing(cameras: CameraStore, wanted: list[Camera]) -> None:
    cameras.add(camera("old", 1))
    with pytest.raises(CamrecError):
        cameras.replace_all(wanted)
    assert names(cameras) == {1: "old"}


def test_merge_leaves_the_others(cameras: CameraStore) -> None:
    cameras.replace_all([camera("a", 1), camera("b", 2)])
    cameras.merge([camera("c", 1), camera("d")])
    assert names(cameras) == {1: "c", 2: "b", 3: "d"}
    with pytest.raises(CameraExistsError):
        cameras.merge([camera("e", 9), camera("b", 1)])
    assert names(cameras) == {1: "c", 2: "b", 3: "d"}


def test_without_name_it_is_called_after_its_id(cameras: CameraStore) -> None:
    cameras.add(camera("gate", 4))
    put = cameras.merge([camera(""), camera("", 9), camera("", 4), camera("")])
    assert [(c.id, c.name) for c in put] == [(10, "camera-10"), (9, "camera-9"), (4, "gate"), (11, "camera-11")]
    assert names(cameras) == {c.id: c.name for c in put}
    with pytest.raises(CameraExistsError):
        cameras.merge([camera("camera-13"), camera("")])


@pytest.mark.parametrize("way", ["merge", "replace_all"])
def test_dry_run_says_what_would_be_and_stores_nothing(cameras: CameraStore, way: str) -> None:
    before = cameras.add(camera("gate", 1))
    put = getattr(cameras, way)([camera("yard", 1), camera("new")], dry_run=True)
    assert [(c.name, c.version) for c in put] == [("yard", before.version + 1), ("new", 1)]
    assert cameras.all() == [before]
    with pytest.raises(CameraExistsError):
        getattr(cameras, way)([camera("x"), camera("x")], dry_run=True)


def test_pages_of_cameras(cameras: CameraStore) -> None:
    cameras.replace_all([camera(str(i), i) for i in range(1, 6)])
    assert [c.id for c in cameras.all(after_id=2, limit=2)] == [3, 4]
    assert [c.id for c in cameras.all(after_id=5)] == []


def test_zones_are_replaced(cameras: CameraStore) -> None:
    gate = cameras.add(camera("gate"))
    assert cameras.set_zones(gate.id, [NORTH]).zones == (NORTH,)
    south = replace(NORTH, name="south", kind="exclude", recognitions=())
    changed = cameras.set_zones(gate.id, [replace(NORTH, kind="exclude"), south])
    assert changed.zones == (replace(NORTH, kind="exclude"), south)
    assert changed.version == gate.version + 2


@pytest.mark.parametrize("way", ["remove", "replace_all"])
def test_events_of_a_removed_camera_end(cameras: CameraStore, database: Database, way: str) -> None:
    events = EventStore(database)
    for camera_id in (1, 2):
        cameras.add(camera(f"c{camera_id}", camera_id))
        ref = FrameRef(camera_id, 1, 100.0, 640, 360)
        events.put([(Event(f"e{camera_id}", camera_id, "plates", "plate", 100.0, None, 0.9, ref), None)], epoch=1)
    if way == "remove":
        cameras.remove(1)
    else:
        cameras.replace_all([cameras.get(2)])
    gone, stays = events.get("e1"), events.get("e2")
    assert gone is not None
    assert gone.event.ended_at is not None
    assert stays is not None
    assert stays.event.ended_at is None


@pytest.mark.parametrize("purge", [False, True])
def test_removed_camera_leaves_its_events_unless_purged(cameras: CameraStore, database: Database, purge: bool) -> None:
    events, frames = EventStore(database), KeptFrameStore(database)
    for camera_id in (1, 2):
        cameras.add(camera(f"c{camera_id}", camera_id))
        ref = FrameRef(camera_id, 1, 100.0, 640, 360)
        event = Event(f"e{camera_id}", camera_id, "plates", "plate", 100.0, None, 0.9, ref)
        events.put([(event, f"events/{camera_id}.jpg")], epoch=1)
        frames.add([KeptFrame(camera_id, 100.0, f"frames/{camera_id}.jpg", 640, 360, 1000)])
    files = cameras.remove(1, purge=purge)
    assert sorted(files) == (["events/1-plain.jpg", "events/1.jpg", "frames/1.jpg"] if purge else [])
    assert (events.get("e1") is None) == purge
    assert frames.between(1, 0, 200, 10) == [] or not purge
    assert events.get("e2") is not None
    assert names(cameras) == {2: "c2"}


def test_edits_of_different_fields_at_one_moment_are_all_kept(cameras: CameraStore) -> None:
    stored = cameras.add(camera("gate"))
    at_once = Barrier(8)

    def add_setting(number: int) -> None:
        at_once.wait()
        cameras.edit(stored.id, lambda c: replace(c, recognitions=(*c.recognitions, KINDS[number])))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_setting, range(8)))
    assert {r.kind for r in cameras.get(stored.id).recognitions} == {PLATES.kind, *(r.kind for r in KINDS)}


def test_an_edit_that_is_refused_changes_nothing(cameras: CameraStore) -> None:
    stored = cameras.add(camera("gate"))

    def refuse(_: Camera) -> Camera:
        raise CamrecError("not like this")

    def refuse_check(_: Camera) -> None:
        raise CamrecError("not like this")

    for attempt in (
        lambda: cameras.edit(stored.id, refuse),
        lambda: cameras.remove(stored.id, check=refuse_check),
        lambda: cameras.set_zones(stored.id, [], refuse_check),
    ):
        with pytest.raises(CamrecError, match="not like this"):
            attempt()
    assert cameras.get(stored.id) == stored


def test_models_of_a_camera_are_kept_and_found(cameras: CameraStore, database: Database) -> None:
    own = CameraRecognition("falls", 8.0, models={"person": "a", "pose": "b"})
    stored = cameras.add(replace(camera("gate"), recognitions=(own,)))
    cameras.add(replace(camera("yard"), recognitions=(CameraRecognition("falls", 8.0),)))
    off = cameras.add(replace(camera("off"), recognitions=(own,), enabled=False))
    assert cameras.get(stored.id).recognitions == (own,)
    assert ModelChoices(database).of("falls") == {stored.id: (("person", "a"), ("pose", "b"))}
    assert ModelChoices(database).of("plates") == {}
    assert off.version == 1


KINDS = tuple(CameraRecognition(f"kind{number}", 1.0) for number in range(8))
