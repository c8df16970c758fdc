"""What retention deletes and what it leaves: rows in a real database, files in a real folder."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.settings import Settings, load_settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.clips.store import Clip, ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media, clip_files
from storage.media_removals import note_removals
from storage.retention import passes
from storage.retention.locks import KeepLock, KeepLockStore, LockedError
from storage.retention.passes import RetentionPass
from storage.retention.rules import Limit, RetentionRule, RetentionRuleStore
from storage.secrets import Secrets
from storage.segments import Segment, SegmentStore
from tasks.jobs import expire
from tests.support.stored import a_clip, an_event

DAY_S = 86_400.0
NOW = 1_795_500_000.0
DAYS = {"recordings_days": 4, "events_days": 6, "frames_days": 3, "clips_days": 5}


class House:
    """A database and a media folder with media of every class, one of each for every day and camera."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder, self.media = database, folder, Media(folder)
        self.rules, self.locks = RetentionRuleStore(database), KeepLockStore(database)
        for camera_id in (1, 2):
            for age in range(8):
                self._fill(camera_id, age)

    def _fill(self, camera_id: int, age: int) -> None:
        at = NOW - age * DAY_S - 60.0
        for retention_class in ("continuous", "event"):
            path = f"recordings/{camera_id}/{retention_class}-{age}.mp4"
            segment = Segment(
                camera_id, at, at + 4, 4.0, path, 1000, "h264", 1280, 720,
                has_audio=False, run="r", key_times=(0.0,), retention_class="continuous", node="here",
            )  # fmt: skip
            SegmentStore(self.database).add([replace(segment, retention_class=retention_class)])
            self.media.write(path, b"x" * 1000)
        frame = f"frames/{camera_id}/{age}.jpg"
        KeptFrameStore(self.database).add([KeptFrame(camera_id, at, frame, 640, 360, 1000)])
        self.media.write(frame, b"x" * 1000)
        clips = ClipStore(self.database, now=lambda: at)
        path = f"clips/{camera_id}-{age}.mp4"
        a_clip(clips, Clip(f"{camera_id}-{age}", camera_id, at, at + 4), path, 1000)
        for name in clip_files(path):
            self.media.write(name, b"x" * 1000)

    def left(self) -> dict[str, list[int]]:
        """``1 continuous`` and the like → ages in days of what is still there, on disk as in the database."""
        found: dict[str, set[int]] = {}
        for camera_id in (1, 2):
            rows: dict[str, list[str]] = {
                "continuous": [], "event": [],
                "frame": [f.path for f in KeptFrameStore(self.database).between(camera_id, 0, NOW, 100)],
                "clip": [c.path or "" for c in ClipStore(self.database).page(None, 100, camera_id=camera_id)],
            }  # fmt: skip
            for segment in SegmentStore(self.database).between(camera_id, 0, NOW):
                rows[segment.retention_class].append(segment.path)
            for name, paths in rows.items():
                assert all((self.folder / path).is_file() for path in paths), (name, paths)
                found[f"{camera_id} {name}"] = {int(Path(p).stem.rpartition("-")[2]) for p in paths}
        files = sum(path.is_file() for path in self.folder.rglob("*"))
        clips = sum(len(ages) for name, ages in found.items() if name.endswith("clip"))
        assert files == sum(map(len, found.values())) + clips, "a clip has two files, all else has one"
        return {name: sorted(ages) for name, ages in found.items()}

    def run(self, **environ: float) -> dict[str, int]:
        """One pass now."""
        settings = self.settings(**environ)
        return RetentionPass(settings, self.database, self.media, "here").run(NOW)

    def settings(self, **environ: float) -> Settings:
        """With the days of this test, and all the room of the world unless it says otherwise."""
        given = {"min_free": 0, **DAYS, **environ}
        return load_settings(
            {f"CAMREC_{k.upper()}": str(v) for k, v in {"data": self.folder.parent, **given}.items()},
            self.folder / "no.env",
        )


@pytest.fixture
def house(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(passes, "missing_bytes", lambda *_: 0)
    return House(database, tmp_path / "media")


def test_each_class_goes_after_its_days(house: House) -> None:
    assert house.run() == {"continuous": 8, "event": 4, "frame": 10, "clip": 6}
    for camera_id in (1, 2):
        assert {name: len(ages) for name, ages in house.left().items() if name[0] == str(camera_id)} == {
            f"{camera_id} continuous": 4,
            f"{camera_id} event": 6,
            f"{camera_id} frame": 3,
            f"{camera_id} clip": 5,
        }
    assert house.run() == dict.fromkeys(("continuous", "event", "frame", "clip"), 0)


def test_a_camera_has_days_and_bytes_of_its_own(house: House) -> None:
    limits = {"continuous": Limit(days=1), "frame": Limit(days=7), "clip": Limit(gb=2e-6), "event": Limit(days=2)}
    house.rules.put(2, RetentionRule(limits=limits))  # type: ignore[arg-type]
    house.run()
    left = house.left()
    assert [len(left[f"1 {name}"]) for name in ("continuous", "event", "frame", "clip")] == [4, 6, 3, 5]
    assert [left[f"2 {name}"] for name in ("continuous", "event", "frame", "clip")] == [
        [0],
        [0, 1],
        [0, 1, 2, 3, 4, 5, 6],
        [0, 1],
    ]


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        pytest.param(1500, {"1 continuous": [0, 1], "2 continuous": [0, 1, 2, 3]}, id="low camera first, oldest first"),
        pytest.param(7000, {"1 continuous": [], "2 continuous": [0], "1 frame": [0, 1, 2]}, id="then the others"),
        pytest.param(9000, {"2 continuous": [], "1 frame": [0, 1], "2 frame": [0, 1, 2]}, id="frames after recordings"),
        pytest.param(15_000, {"1 frame": [], "2 frame": [], "1 event": [0, 1, 2, 3, 4]}, id="events after frames"),
        pytest.param(27_000, {"1 event": [], "2 event": [], "1 clip": [0, 1, 2, 3]}, id="clips last"),
    ],
)
def test_where_room_is_short_the_least_worth_goes_first(
    house: House, monkeypatch: pytest.MonkeyPatch, missing: int, left: dict[str, list[int]]
) -> None:
    house.rules.put(1, RetentionRule(priority="low"))
    monkeypatch.setattr(passes, "missing_bytes", lambda *_: missing)
    house.run()
    found = house.left()
    assert {name: found[name] for name in left} == left


def test_too_many_gigabytes_take_recordings_only(house: House) -> None:
    house.rules.put(2, RetentionRule(priority="high"))
    house.run(recordings_gb=13e-6)
    left = house.left()
    assert (left["1 continuous"], left["2 continuous"]) == ([], [0])
    assert len(left["1 event"]) == len(left["2 event"]) == 6
    assert len(left["1 frame"]) == 3


def lock(house: House, age: float, camera_id: int = 1, lock_id: str = "a") -> KeepLock:
    at = NOW - age * DAY_S - 60.0
    made = KeepLock(lock_id, camera_id, at + 1, at + 2, "admin", NOW, "evidence")
    house.locks.add(made)
    return made


def test_what_is_locked_stays_until_the_last_lock_goes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(house, 7), lock(house, 7, lock_id="b")
    # A frame is a moment: the lock that begins after it does not cover it.
    house.locks.add(KeepLock("frame", 2, NOW - 7 * DAY_S - 60, NOW - 7 * DAY_S - 59, "admin", NOW))
    monkeypatch.setattr(passes, "missing_bytes", lambda *_: 1e9)
    house.run()
    assert {name: ages for name, ages in house.left().items() if ages} == {
        "1 continuous": [7], "1 event": [7], "1 clip": [7],
        "2 continuous": [7], "2 event": [7], "2 clip": [7], "2 frame": [7],
    }  # fmt: skip
    assert house.locks.remove("a")
    assert not house.locks.remove("a")
    house.run()
    assert house.left()["1 event"] == [7]
    house.locks.remove("b")
    house.run()
    assert house.left()["1 event"] == []


def test_events_go_by_their_camera_and_locks_hold(house: House, database: Database, settings: Settings) -> None:
    cameras = CameraStore(database, Secrets(settings.data))
    events, ids = EventStore(database), {}
    for camera_id in (1, 2):
        cameras.add(Camera(name=f"c{camera_id}", url="rtsp://192.0.2.1/", id=camera_id))
        for age in (1, 3, 9):
            event = an_event(camera_id, NOW - age * DAY_S)
            ids[event.id] = f"{camera_id} {age}"
            house.media.write(f"events/{camera_id}-{age}.jpg", b"jpeg")
            events.put([(event, f"events/{camera_id}-{age}.jpg")], 1)
    house.rules.put(2, RetentionRule(limits={"event": Limit(days=2)}))
    house.locks.add(KeepLock("a", 1, NOW - 9 * DAY_S, NOW - 9 * DAY_S + 1, "admin", NOW))
    one_pass = RetentionPass(house.settings(), database, house.media, "here")
    assert one_pass.expire_events(NOW) == 2
    assert sorted(ids[e] for e in ids if events.get(e)) == ["1 1", "1 3", "1 9", "2 1"]
    assert sorted(p.name for p in (house.folder / "events").iterdir()) == ["1-1.jpg", "1-3.jpg", "1-9.jpg", "2-1.jpg"]
    with pytest.raises(LockedError, match=r"1 keep-lock\(s\) hold recordings of camera 1"):
        cameras.remove(1, purge=True)
    assert cameras.get(1).name == "c1"
    cameras.remove(2, purge=True)
    assert 2 not in house.rules.all()


def test_other_machines_recordings_are_left_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "missing_bytes", lambda *_: 1e9)
    removed = RetentionPass(house.settings(), house.database, house.media, "elsewhere").run(NOW)
    assert (removed["continuous"], removed["event"]) == (0, 0)


class Killed(BaseException):
    """What nobody catches."""


def test_a_pass_that_is_killed_leaves_no_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = passes.remove_files  # type: ignore[attr-defined]

    def killed(*_: object) -> int:
        raise Killed

    monkeypatch.setattr(passes, "remove_files", killed)
    for _ in range(4):  # of each class the first batch
        with pytest.raises(Killed):
            house.run()
    monkeypatch.setattr(passes, "remove_files", real)
    house.run()
    house.left()  # compares files with rows


def test_a_file_that_cannot_be_deleted_keeps_no_other_from_going(house: House) -> None:
    stubborn = house.folder / "recordings/1/continuous-7.mp4"
    stubborn.unlink()
    (stubborn / "inside").mkdir(parents=True)  # who deletes it gets an OSError, root as well
    noted = house.folder / "recordings/0/noted.mp4"
    (noted / "inside").mkdir(parents=True)
    house.media.write("recordings/9/noted.mp4", b"x")
    with house.database.write() as session:
        note_removals(session, [("here", "recordings/0/noted.mp4"), ("here", "recordings/9/noted.mp4")])
    assert house.run() == {"continuous": 8, "event": 4, "frame": 10, "clip": 6}
    assert not (house.folder / "recordings/9").exists()
    house.left()
    for folder in (stubborn, noted):
        (folder / "inside").rmdir()
        folder.rmdir()
        folder.write_bytes(b"x")
    house.run()
    assert not stubborn.exists(), "it was still noted"
    assert not noted.exists()


def test_a_disk_that_lets_nothing_go_costs_no_more_rows_than_were_to_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    house.run()
    before = sum(map(len, house.left().values()))
    with monkeypatch.context() as patch:
        patch.setattr(passes, "missing_bytes", lambda *_: 2000)
        patch.setattr(Path, "unlink", refuse)
        assert [sum(house.run().values()) for _ in range(3)] == [2, 0, 0]
    (house.folder / ".room").unlink()  # the probe, which a disk that really is read-only would not have let in
    house.run()
    assert sum(map(len, house.left().values())) == before - 2


def test_what_no_row_names_goes_when_nobody_would_keep_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.run()

    def written(age_days: float, name: str) -> Path:
        path = name.replace("DAY", f"{datetime.fromtimestamp(NOW - age_days * DAY_S, UTC):%Y%m%d}")
        house.media.write(path, b"x")
        os.utime(house.folder / path, (NOW - age_days * DAY_S,) * 2)
        return house.folder / path

    gone = [
        written(5, "frames/1/DAY/07/0000-000.jpg"),
        written(5, "frames/1/DAY/07/.0000-001.jpg.1234abcd"),
        written(2.9, "events/DAY/.one.jpg.1234abcd"),
        written(3, "clips/20200101/.one.1234abcd.mp4"),
    ]
    stay = [
        written(3, "frames/1/DAY/07/0000-000.jpg"),  # may wait for its row
        written(5, "frames/2/DAY/07/0000-000.jpg"),  # beside one with a row, below
        written(20, "events/DAY/one.jpg"),
        written(20, "clips/DAY/one.mp4"),
        written(0.1, "clips/DAY/.two.1234abcd.mp4"),
    ]
    KeptFrameStore(house.database).add([KeptFrame(2, NOW - 5 * DAY_S, "frames/2/locked.jpg", 640, 360, 1)])
    house.locks.add(KeepLock("a", 2, NOW - 5 * DAY_S - 1, NOW - 5 * DAY_S + 1, "admin", NOW))
    monkeypatch.setattr("storage.retention.orphans.MOST", 3)
    assert [expire(house.settings(), house.database, NOW)["orphans"] for _ in range(3)] == [3, 1, 0]
    assert [path.exists() for path in gone] == [False] * len(gone)
    assert [path.exists() for path in stay] == [True] * len(stay)


def test_a_pass_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "BATCH", 2)
    monkeypatch.setattr(passes, "MAX_BATCHES", 2)
    totals = [sum(house.run().values()) for _ in range(4)]
    assert totals == [16, 10, 2, 0]


@pytest.mark.parametrize(
    "filters",
    [
        pytest.param({"camera_id": 1}, id="camera"),
        pytest.param({"from_s": NOW - 8 * DAY_S, "to_s": NOW - 6.5 * DAY_S}, id="period"),
    ],
)
def test_locks_are_found(house: House, filters: dict[str, float]) -> None:
    wanted = lock(house, 7)
    lock(house, 2, camera_id=2, lock_id="b")
    assert house.locks.page(None, 10, **filters) == [wanted]  # type: ignore[arg-type]
    assert house.locks.get("a") == wanted
    newest, *rest = house.locks.page(None, 10)
    assert house.locks.page((newest.created_at, newest.id), 10) == rest


def test_a_rule_that_says_nothing_goes(house: House) -> None:
    house.rules.put(1, RetentionRule(priority="high", limits={"clip": Limit(gb=1)}))
    assert house.rules.get(1) == RetentionRule(priority="high", limits={"clip": Limit(gb=1)})
    house.rules.put(1, RetentionRule())
    assert house.rules.all() == {}
