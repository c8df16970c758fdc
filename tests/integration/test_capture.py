"""``camrec capture`` as a process: faults of cameras, Redis, the database and its own shards; changes while it runs."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from core import keys
from core.settings import Settings, get_settings
from storage.camera import Camera, CameraRecognition, Recording
from storage.frames.shm_store import ShmFrameStore
from storage.frames.store import open_frame_store
from storage.kept_frames import KeptFrameStore
from tests.support.capture_process import CaptureProcess
from tests.support.numbered import numbered_frames
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

AUTH = ("operator", "s3cret")
PLATES = (CameraRecognition("plates", 5.0),)
NAMES = [f"camera{number}" for number in range(4)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_video(path, numbered_frames(30), 15, gop_s=1)
    return path


@pytest.fixture
def rtsp(clip: Path) -> Iterator[RtspServer]:
    with RtspServer(dict.fromkeys(NAMES, clip), auth=AUTH) as server:
        yield server


@pytest.fixture
def capture(settings: Settings, redis_client: redis.Redis) -> Iterator[CaptureProcess]:
    with CaptureProcess(settings, redis_client) as process:
        yield process


def test_faults_of_cameras_are_seen_and_healed(capture: CaptureProcess, rtsp: RtspServer) -> None:
    cameras = [capture.add(name, rtsp.url(name), recognitions=PLATES) for name in NAMES]
    stalled, silent, dropped, untouched = cameras
    for camera in cameras:
        capture.wait_for(camera, "streaming")
    rtsp.set_fault(stalled.name, "stall")
    rtsp.set_fault(silent.name, "rtcp-only")
    rtsp.set_fault(dropped.name, "drop")
    wait_until(lambda: capture.status(dropped.id)["reconnects"] == 1, "drop seen", 5.0)
    capture.wait_for(dropped, "streaming", timeout_s=8.0)
    capture.wait_for(stalled, "retrying", "timeout", timeout_s=10.0)
    capture.wait_for(silent, "retrying", "timeout", timeout_s=4.0)
    rtsp.set_fault(stalled.name, None)
    rtsp.set_fault(silent.name, None)
    capture.wait_for(stalled, "streaming", timeout_s=15.0)
    capture.wait_for(silent, "streaming", timeout_s=15.0)
    rtsp.set_fault(dropped.name, "gone")
    capture.wait_for(dropped, "retrying", "not_found")
    status = capture.wait_for_frames(untouched)
    assert (status["state"], status["reconnects"]) == ("streaming", 0)


def test_changes_take_effect_and_leave_other_streams_alone(
    capture: CaptureProcess, rtsp: RtspServer, settings: Settings, redis_client: redis.Redis
) -> None:
    other = capture.add("other", rtsp.url(NAMES[0]), recognitions=PLATES)
    locked_out = capture.add("locked out", rtsp.url(NAMES[1]).replace("s3cret", "wr0ng"), recognitions=PLATES)
    capture.wait_for(other, "streaming")
    status = capture.wait_for(locked_out, "retrying", "auth_failed")
    assert "wr0ng" not in json.dumps(status)
    capture.wait_for_frames(other, 8)
    assert _requests(rtsp, NAMES[1]).count("DESCRIBE") <= 2, "would be locked"

    # Mended at once although the next try is minutes away.
    mended = capture.change(replace(locked_out, url=rtsp.url(NAMES[1])))
    capture.wait_for(mended, "streaming", timeout_s=5.0)

    # A change of anything but the stream does not break it.
    changed = capture.change(replace(other, name="renamed", recognitions=(CameraRecognition("plates", 2.0),)))
    wait_until(lambda: capture.status(changed.id)["asked_fps"] == {"plates": 2.0}, "new rate", 5.0)
    assert _requests(rtsp, NAMES[0]).count("PLAY") == 1

    # Another URL is another stream; a camera switched off is left.
    capture.change(replace(changed, url=rtsp.url(NAMES[2])))
    wait_until(lambda: rtsp.viewers(NAMES[2]) == 1 and rtsp.viewers(NAMES[0]) == 0, "moved", 5.0)
    capture.change(replace(mended, enabled=False))
    capture.wait_for(mended, "disabled", timeout_s=5.0)
    wait_until(lambda: rtsp.viewers(NAMES[1]) == 0, "left", 5.0)

    # Seen in the database when nobody says so.
    unannounced = capture.cameras.add(replace(mended, id=0, name="new", url=rtsp.url(NAMES[3]), enabled=True))
    capture.wait_for(unannounced, "streaming", timeout_s=7.0)

    capture.remove(unannounced.id)
    wait_until(lambda: rtsp.viewers(NAMES[3]) == 0, "left", 5.0)
    assert rtsp.viewers(NAMES[2]) == 1
    assert capture.status(other.id)["reconnects"] == 0

    node = json.loads(next(iter(redis_client.hgetall(keys.CAPTURE_NODES).values())))
    assert node["pid"] == capture.process.pid
    # A camera that never answers holds its thread inside FFmpeg.
    rtsp.set_fault(NAMES[3], "mute")
    mute = capture.add("mute", rtsp.url(NAMES[3]), recognitions=PLATES)
    capture.wait_for(mute, "connecting", timeout_s=5.0)
    asked_to_stop_s = time.monotonic()
    assert capture.terminate() == 0
    assert time.monotonic() - asked_to_stop_s < 8.0
    assert "s3cret" not in capture.log()
    assert open_frame_store(settings).newest(other.id) is not None, "frames outlive capture"


def test_dead_shard_is_replaced_and_gets_its_cameras(
    settings: Settings, rtsp: RtspServer, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMREC_CAMERAS_PER_SHARD", "1")
    with CaptureProcess(settings, redis_client) as capture:
        camera = capture.add("camera", rtsp.url(NAMES[0]), recognitions=PLATES)
        capture.wait_for(camera, "streaming")
        (victim,) = capture.shards()
        other = capture.add("other", rtsp.url(NAMES[1]), recognitions=PLATES)
        capture.wait_for(other, "streaming")
        victim.kill()
        wait_until(lambda: len({s.pid for s in capture.shards()} - {victim.pid}) == 2, "another shard", 8.0)
        redis_client.delete(keys.camera_status(camera.id))
        capture.wait_for(camera, "streaming")
        assert capture.status(other.id)["reconnects"] == 0
        assert _requests(rtsp, NAMES[1]).count("PLAY") == 1
        shards = capture.shards()
        capture.process.kill()
        wait_until(lambda: not any(_runs(shard) for shard in shards), "the shards' end", 3.0)


def test_redis_may_die_and_come_back(
    settings: Settings, rtsp: RtspServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RedisProcess(tmp_path) as server, server.client() as client:
        monkeypatch.setenv("CAMREC_REDIS_URL", server.url)
        get_settings.cache_clear()
        with CaptureProcess(get_settings(), client) as capture:
            camera = capture.add("camera", rtsp.url(NAMES[0]), recognitions=PLATES)
            capture.wait_for_frames(camera)
            server.kill()
            store = open_frame_store(settings)
            seen = set()

            def frames_go_on() -> bool:
                frame = store.newest(camera.id)
                assert frame is not None
                seen.add(frame.ref.captured_at)
                return len(seen) > 10

            wait_until(frames_go_on, "10 frames without Redis", 5.0)
            gaps_s = [b - a for a, b in pairwise(sorted(seen))]
            assert max(gaps_s[1:]) < 1.0, "the camera waited for Redis"
            unseen = capture.add("added without Redis", rtsp.url(NAMES[1]))
            wait_until(lambda: rtsp.viewers(NAMES[1]) == 1, "added", 6.0)
            server.start()
            status = capture.wait_for_frames(camera)
            assert status["drops"]["broker_down"] > 0
            assert status["offered"]["plates"] > status["drops"]["broker_down"], "those before Redis went, too"
            assert status["reconnects"] == 0
            capture.wait_for(unseen, "streaming")
            wait_until(lambda: client.llen("plates") > 0, "messages", 5.0)
            message = json.loads(client.lindex("plates", 0) or b"")
            assert (message["headers"]["task"], message["headers"]["argsrepr"]) == (
                "recognise.plates",
                f"([{camera.id}],)",
            )


def test_frames_are_kept_and_wait_for_a_locked_database(
    capture: CaptureProcess, rtsp: RtspServer, settings: Settings, redis_client: redis.Redis
) -> None:
    camera = capture.add("camera", rtsp.url(NAMES[0]), keep_fps=2.0)
    rows = KeptFrameStore(capture.database)
    wait_until(lambda: rows.between(camera.id, 0, 1e12, 100), "rows", 10.0)
    blocker = sqlite3.connect(settings.data / "camrec.db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    known = len(rows.between(camera.id, 0, 1e12, 100))
    files_before = len(list(settings.media_dir.rglob("*.jpg")))
    wait_until(
        lambda: len(list(settings.media_dir.rglob("*.jpg"))) >= files_before + 14,
        "files go on while it is locked",
        10.0,
    )
    assert len(rows.between(camera.id, 0, 1e12, 100)) == known
    blocker.execute("ROLLBACK")
    blocker.close()
    wait_until(lambda: len(rows.between(camera.id, 0, 1e12, 100)) >= known + 14, "rows are made up for", 10.0)
    kept = rows.between(camera.id, 0, 1e12, 100)
    assert all((settings.media_dir / frame.path).stat().st_size == frame.size_bytes for frame in kept)
    newest = wait_until(lambda: redis_client.get(keys.newest_kept_frame(camera.id)), "newest path", 3.0)
    assert isinstance(newest, bytes)
    assert (settings.media_dir / newest.decode()).is_file()
    assert capture.status(camera.id)["reconnects"] == 0


def test_a_missing_frame_store_is_told_and_costs_no_footage(
    settings: Settings, rtsp: RtspServer, redis_client: redis.Redis
) -> None:
    blocked = ShmFrameStore(settings).folder
    shutil.rmtree(blocked)
    blocked.write_text("a file where the folder of rings should be")
    with CaptureProcess(settings, redis_client) as capture:
        camera = capture.add("camera", rtsp.url(NAMES[0]), recognitions=PLATES, recording=Recording("continuous"))
        status = wait_until(lambda: told(capture, camera), "the status says so", 12.0)
        assert str(blocked) in status["message"]
        wait_until(lambda: capture.status(camera.id)["drops"].get("store", 0) > 5, "frames are counted", 5.0)
        assert capture.status(camera.id)["reconnects"] == 0
        for suffix in ("mp4", "jpg"):
            wait_until(lambda s=suffix: list(settings.media_dir.rglob(f"*.{s}")), f"{suffix} all the same", 12.0)  # type: ignore[misc]
        blocked.unlink()
        blocked.mkdir(mode=0o700)
        wait_until(lambda: not told(capture, camera), "it heals by itself", 5.0)
        shutil.rmtree(blocked)  # as systemd does where its user logs out
        wait_until(lambda: list(blocked.glob("*.ring")), "the rings are made anew", 5.0)
        capture.wait_for_frames(camera)
        assert capture.status(camera.id)["reconnects"] == 0
        assert _requests(rtsp, NAMES[0]).count("PLAY") == 1


def told(capture: CaptureProcess, camera: Camera) -> dict[str, Any]:
    """The status of a camera that streams, where it has something to say."""
    status = capture.wait_for(camera, "streaming")
    return status if status["message"] else {}


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _requests(rtsp: RtspServer, name: str) -> list[str]:
    """Methods of the requests for one camera."""
    return [method for method, url in rtsp.requests if f"/{name}" in url]
