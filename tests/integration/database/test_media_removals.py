"""Files that one machine has and another one's deletion of their rows leaves."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, select

from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips.store import Clip, ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media, clip_files, clip_path, snapshot_files
from storage.media_removals import BATCH, note_removals, remove_files, remove_noted
from storage.models import MediaRemovalRow
from storage.secrets import Secrets
from tests.support.stored import a_clip, an_event

AT = 1_795_500_000.0
PICTURE = "events/one.jpg"
CLIP = "clips/one.mp4"


@pytest.fixture
def cameras(database: Database, tmp_path: Path) -> CameraStore:
    store = CameraStore(database, Secrets(tmp_path))
    store.add(Camera(1, "gate", "rtsp://gate.example/"))
    return store


def noted(database: Database) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with database.read() as session:
        for node, path in session.execute(select(MediaRemovalRow.node, MediaRemovalRow.path)):
            found[node] = sorted([*found.get(node, []), path])
    return found


def test_each_machine_deletes_what_is_noted_for_it_and_nothing_else(database: Database, tmp_path: Path) -> None:
    media = Media(tmp_path, "a")
    for path in ("1.jpg", "2.jpg", "3.jpg"):
        media.write(path, b"x")
    with database.write() as session:
        note_removals(session, [("a", "1.jpg"), ("b", "2.jpg"), (None, "3.jpg"), ("a", "1.jpg"), ("a", "gone.jpg")])
        note_removals(session, [("a", "1.jpg")])
    assert noted(database) == {"a": ["1.jpg", "gone.jpg"], "b": ["2.jpg"]}
    assert remove_noted(database, media, "a") == 2
    assert sorted(file.name for file in tmp_path.glob("*.jpg")) == ["2.jpg", "3.jpg"]
    assert noted(database) == {"b": ["2.jpg"]}


def test_more_files_than_a_statement_of_postgresql_takes(database: Database, tmp_path: Path) -> None:
    paths = sorted(f"{number}.jpg" for number in range(2 * BATCH + 1))
    with database.write() as session:
        note_removals(session, (("a", path) for path in paths))
    parameters: list[int] = []

    def count(_connection: object, _cursor: object, _statement: str, given: Sized, *_: object) -> None:
        parameters.append(len(given))

    event.listen(database.engine, "before_cursor_execute", count)
    try:
        assert remove_files(database, Media(tmp_path, "a"), "a", paths) == len(paths)
    finally:
        event.remove(database.engine, "before_cursor_execute", count)
    assert noted(database) == {}
    assert max(parameters) == BATCH + 1, "of 65 535 that it takes"


def test_files_that_cannot_be_deleted_keep_no_later_ones_from_being_tried(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.media_removals.MOST_AT_ONCE", 3)
    for number in range(7):
        (tmp_path / f"{number}/inside").mkdir(parents=True)  # who deletes it gets an OSError, root as well
    media = Media(tmp_path, "a")
    media.write("z.jpg", b"x")
    with database.write() as session:
        note_removals(session, [("a", name) for name in (*"0123456", "z.jpg")])
    for _ in range(200):  # each time one third is tried
        if remove_noted(database, media, "a"):
            break
    assert noted(database) == {"a": [*"0123456"]}


def test_a_purged_camera_leaves_a_note_for_every_file(database: Database, cameras: CameraStore) -> None:
    EventStore(database).put([(an_event(1, AT), PICTURE)], 1, "b")
    KeptFrameStore(database).add(
        [KeptFrame(1, AT + n, f"frames/{n}.jpg", 4, 3, 5, node=node) for n, node in enumerate(["a", "b", None])]
    )
    clips = ClipStore(database)
    a_clip(clips, Clip("one", 1, AT, AT + 1), CLIP, 1, "b")
    files = cameras.remove(1, purge=True)
    assert sorted(files) == sorted(
        ["frames/0.jpg", "frames/1.jpg", "frames/2.jpg", *snapshot_files(PICTURE), *clip_files(CLIP)]
    )
    assert noted(database) == {
        "a": ["frames/0.jpg"],
        "b": sorted(["frames/1.jpg", *snapshot_files(PICTURE), *clip_files(CLIP)]),
    }


def test_pictures_follow_an_event_from_machine_to_machine(database: Database, cameras: CameraStore) -> None:
    events, event = EventStore(database), an_event(1, AT)
    events.put([(event, PICTURE)], 1, "a")
    assert noted(database) == {}
    events.put([(event, None)], 2, "b")
    assert noted(database) == {}, "no new picture"
    events.put([(event, PICTURE)], 2, "b")
    assert noted(database) == {"a": snapshot_files_sorted()}
    events.put([(event, PICTURE)], 3, "a")
    assert noted(database) == {"b": snapshot_files_sorted()}, "what a writes anew it must not delete"
    events.put([(event, PICTURE)], 1, "c")
    assert noted(database) == {"b": snapshot_files_sorted(), "c": snapshot_files_sorted()}, "who lost its shard"
    events.put([(event, PICTURE)], 2, "a")
    assert "a" not in noted(database), "the row's picture stays, whoever wrote it last"
    stored = events.get(event.id)
    assert stored is not None
    assert (stored.node, stored.snapshot) == ("a", PICTURE)
    removed = replace(event, id="another", camera_id=7)
    events.put([(removed, "events/another.jpg")], 1, "a")
    assert noted(database)["a"] == sorted(snapshot_files("events/another.jpg")), "its camera is gone"


def snapshot_files_sorted() -> list[str]:
    return sorted(snapshot_files(PICTURE))


def test_a_clip_that_is_made_anew_elsewhere_goes_where_it_was(database: Database, cameras: CameraStore) -> None:
    clips = ClipStore(database)
    for node in ("a", "b"):
        a_clip(clips, Clip("one", 1, AT, AT + 1), CLIP, 1, node)
    assert noted(database) == {"a": clip_files(CLIP)}
    clips.ask(Clip("one", 1, AT, AT + 1))
    asked = clips.get("one")
    assert asked is not None
    assert (asked.node, asked.path) == ("b", CLIP), "until then the one of before is where it was"
    begun = clips.begin("one", "a")
    assert begun is not None
    clips.done(begun, CLIP, 1, (), "a")
    assert noted(database) == {"b": clip_files(CLIP)}
    clips.remove("one")
    assert noted(database) == {"a": clip_files(CLIP), "b": clip_files(CLIP)}


def test_a_clip_that_is_begun_again_is_not_deleted_as_the_one_before(database: Database, cameras: CameraStore) -> None:
    clips, path = ClipStore(database), clip_path("one", AT)
    for node in ("a", "b"):
        a_clip(clips, Clip("one", 1, AT, AT + 1), path, 1, node)
    clips.remove("one")
    assert noted(database) == {"a": clip_files(path), "b": clip_files(path)}
    clips.ask(Clip("one", 1, AT, AT + 1))
    assert clips.begin("one", "a") is not None
    assert noted(database) == {"b": clip_files(path)}, "at once, for its file gets its name before its row is done"


def test_a_clip_that_lies_under_another_name_leaves_no_file(database: Database, cameras: CameraStore) -> None:
    clips = ClipStore(database)
    a_clip(clips, Clip("one", 1, AT, AT + 1), "clips/20261123/one.mp4", 1, "a")
    a_clip(clips, Clip("one", 1, AT - 86_400, AT + 1), CLIP, 1, "a")
    assert noted(database) == {"a": clip_files("clips/20261123/one.mp4")}
