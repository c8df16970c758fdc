"""Disk and index, compared both ways; a disk that fills up."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from app.cli import main
from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from capture.recorder.track import Track
from core.recognitions import DISK_FULL_EVENT
from core.settings import Settings, get_settings
from storage.camera import Camera, Recording
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.node_rows import adopt_node
from storage.progress import Unit
from storage.recordings_check import check_recordings
from storage.retention.locks import KeepLock, KeepLockStore
from storage.secrets import Secrets
from storage.segment_files import BrokenSegmentError, read_segment
from storage.segments import Segment, SegmentStore
from tests.support.capture_process import CaptureProcess
from tests.support.numbered import numbered_frames
from tests.support.stored import an_event
from tests.support.waiting import wait_until
from tests.unit.capture.recorder_support import Collected, film

pytestmark = pytest.mark.integration


@pytest.fixture
def segments(settings: Settings) -> list[Segment]:
    """Three whole ones, indexed, and one that is being written by nobody."""
    media = settings.media_dir
    media.mkdir(parents=True)
    shots = film(settings.data / "film.ts", 210)
    said = Collected()
    track = Track(7, media, socket.gethostname(), said.finished.append, said.lost.append)
    for arrival in shots.arrivals(range(210)):
        track.take(arrival)
    track.abandon()
    for whole in said.finished:
        target = media / whole.segment.path
        target.parent.mkdir(parents=True, exist_ok=True)
        (media / whole.open_path).rename(target)
    database = Database(settings)
    database.migrate()
    SegmentStore(database).add([whole.segment for whole in said.finished])
    database.close()
    return [whole.segment for whole in said.finished]


def check(*options: str) -> tuple[int, dict[str, tuple[str, bool]]]:
    """Exit status, and path → fault and whether it is repaired."""
    done = CliRunner().invoke(main, ["recordings", "check", "--json", *options])
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return done.exit_code, {f["path"]: (f["fault"], f["is_repaired"]) for f in found}


def test_found_both_ways_and_repaired_when_told(settings: Settings, segments: list[Segment]) -> None:
    first, second, third = segments
    media = settings.media_dir
    (tail,) = (media / "recordings/7/open").iterdir()
    old_s = time.time() - 60
    os.utime(tail, (old_s, old_s))
    with (media / second.path).open("ab") as file:
        file.write(b"\x00\x00\x10\x00moof torn")
    shutil.move(media / first.path, settings.data / "moved.mp4")
    unindexed = first.path.replace(first.path[-7:-4], "999")
    shutil.copy(settings.data / "moved.mp4", media / unindexed)
    os.utime(media / unindexed, (old_s, old_s))
    expected = {
        first.path: "missing",
        second.path: "broken",
        unindexed: "not_indexed",
        f"recordings/7/open/{tail.name}": "torn",
    }
    assert check() == (1, {path: (fault, False) for path, fault in expected.items()})
    assert check("--repair") == (0, {path: (fault, True) for path, fault in expected.items()})
    assert check() == (0, {})
    database = Database(settings)
    found = SegmentStore(database).between(7, 0.0, 1e11)
    database.close()
    assert len(found) == 4, "the tail is a segment now"
    assert second.path in {s.path for s in found}
    assert third in [
        s.__class__(**{f: getattr(s, f) for f in s.__slots__} | {"id": 0, "init_bytes": None}) for s in found
    ]
    assert all(s.init_bytes for s in found)


def test_what_is_repaired_belongs_to_its_event(settings: Settings, segments: list[Segment]) -> None:
    first, second, third = segments
    database, media = Database(settings), settings.media_dir
    store = SegmentStore(database)
    store.mark_event(7, second.started_at + 1, second.started_at + 2)  # of an event that retention has taken since
    CameraStore(database, Secrets(settings.data)).add(Camera(7, "gate", "rtsp://10.0.0.1/"))
    seen = an_event(7, first.started_at - 3, ended_at=first.started_at - 2)
    EventStore(database).put([(seen, None)], epoch=1)
    store.forget([first.path])
    with (media / second.path).open("ab") as file:
        file.write(b"\x00\x00\x10\x00moof torn")
    old_s = time.time() - 60
    os.utime(media / first.path, (old_s, old_s))
    assert check("--repair")[0] == 0
    classes = {s.path: s.retention_class for s in store.between(7, 0.0, 1e11)}
    database.close()
    assert [classes[s.path] for s in (first, second, third)] == ["event", "event", "continuous"]


def test_what_stands_under_another_machine_is_not_repaired_but_told(
    settings: Settings, segments: list[Segment]
) -> None:
    database = Database(settings)
    adopt_node(database, settings.node, "old-name")
    old_s = time.time() - 60
    for segment in segments:
        os.utime(settings.media_dir / segment.path, (old_s, old_s))
    expected = {segment.path: ("not_indexed", False) for segment in segments}
    for _ in range(2):
        assert check("--repair") == (1, expected)
    done = CliRunner().invoke(main, ["recordings", "check"])
    assert "lies on machine old-name: `camrec nodes adopt old-name`" in done.stdout
    adopt_node(database, "old-name", settings.node)
    database.close()
    assert check() == (0, {})


def test_progress_is_told_of_every_file(settings: Settings, segments: list[Segment]) -> None:
    told: list[tuple[int, int]] = []

    def tell(step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        assert (step, unit) == ("reading recordings", "files")
        told.append((done, total))

    database = Database(settings)
    assert list(check_recordings(settings.media_dir, SegmentStore(database), settings.node, progress=tell)) == []
    database.close()
    assert told == [(number, len(segments)) for number in range(1, len(segments) + 1)]


@pytest.mark.parametrize("kept", [0, 10, 900, 10_000], ids=lambda kept: f"cut at {kept}")
def test_what_is_no_segment_is_said(settings: Settings, segments: list[Segment], kept: int) -> None:
    path = settings.media_dir / segments[0].path
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BrokenSegmentError, match="is torn"):
        read_segment(settings.media_dir, segments[0].path, "node")


@pytest.fixture
def small_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A media folder of 24 MB, of which 8 must stay free."""
    folder = settings.media_dir
    folder.mkdir(parents=True)
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "camrec", folder]).returncode:
        pytest.skip("a small disk cannot be mounted: not root, or not allowed")
    monkeypatch.setenv("CAMREC_MIN_FREE", "8MB")
    monkeypatch.setenv("CAMREC_KEEP_FPS", "0")
    get_settings.cache_clear()
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
def test_full_disk_stops_recording_and_room_starts_it_again(
    settings: Settings, small_disk: Path, redis_client: redis.Redis
) -> None:
    clip = settings.data / "camera.mp4"
    write_video(clip, numbered_frames(300), 15, gop_s=1)
    with RtspServer({"camera": clip}) as rtsp, CaptureProcess(get_settings(), redis_client) as capture:
        camera = capture.add("camera", rtsp.url("camera"), recording=Recording("continuous"))
        store = SegmentStore(capture.database)
        first = wait_until(lambda: store.between(camera.id, 0.0, 1e11), "recorded", 20.0)[0]
        lock = KeepLock("a", camera.id, first.started_at, first.started_at + 0.01, "test", first.ended_at)
        KeepLockStore(capture.database).add(lock)

        def left() -> list[int]:
            return [s.id for s in store.between(camera.id, 0.0, 1e11)]

        def state() -> str:
            return str(capture.status(camera.id).get("recording", {}).get("state"))

        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 7_000_000))
        wait_until(lambda: state() == "paused", "paused", 15.0)
        assert capture.status(camera.id)["recording"]["reason"] == "disk_full"
        wait_until(lambda: capture.status(camera.id)["drops"].get("record_disk_low"), "counted", 5.0)
        # Retention made what room it could: only what is locked is left.
        wait_until(lambda: left() == [first.id], "oldest first, all but the locked one", 30.0)
        assert (small_disk / first.path).is_file()
        events = EventStore(capture.database)
        wait_until(lambda: events.open_of_kind(DISK_FULL_EVENT), "an event tells of it", 10.0)
        ballast.unlink()
        wait_until(lambda: state() == "recording", "goes on", 15.0)
        wait_until(lambda: len(left()) > 1, "recorded again", 20.0)
        capture.wait_for(camera, "streaming")
