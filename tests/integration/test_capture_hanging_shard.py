"""A shard that hangs and does not die: a device that never answers, a process that somebody has stopped."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
import redis

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from capture import node
from capture.messages import Assign, Remove
from capture.shard_process import ShardProcess
from core.settings import Settings
from storage.camera import Camera, CameraRecognition
from tests.support.capture_process import CaptureProcess, is_shard
from tests.support.numbered import numbered_frames
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def test_it_is_killed_and_another_gets_its_cameras(
    settings: Settings, redis_client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "SHARD_TIMEOUT_S", 2.0)
    write_video(tmp_path / "clip.mp4", numbered_frames(30), 15, gop_s=1)
    seen = CaptureProcess(settings, redis_client)  # the node itself runs here: no process, with a shorter patience
    capture = node.CaptureNode(settings)
    thread = threading.Thread(target=capture.run)
    thread.start()
    with RtspServer({"camera": tmp_path / "clip.mp4"}) as rtsp:
        try:
            camera = seen.add("camera", rtsp.url("camera"), recognitions=(CameraRecognition("plates", 5.0),))
            seen.wait_for_frames(camera)
            (victim,) = [child for child in psutil.Process().children() if is_shard(child)]
            victim.send_signal(signal.SIGSTOP)
            wait_until(lambda: not victim.is_running(), "it is killed", 10.0)
            seen.wait_for_frames(camera, timeout_s=20.0)
        finally:
            capture.request_stop()
            thread.join(20.0)
            seen.database.close()
    assert not thread.is_alive()


def test_nobody_waits_for_it_and_what_it_was_told_is_not_lost(settings: Settings) -> None:
    camera = Camera(1, "gate", "rtsp://127.0.0.1:1/x", enabled=False)
    shard = ShardProcess(1, settings, "here", None)
    try:
        wait_until(lambda: shard.ended() or shard.silence_s >= 0, "it says that it lives", 30.0)
        psutil.Process(shard.pid).send_signal(signal.SIGSTOP)
        began_s = time.monotonic()
        for _ in range(2000):
            shard.send(Assign(camera))
        shard.send(Remove(camera.id))
        assert time.monotonic() - began_s < 5.0, "the pipe was full long before"
        psutil.Process(shard.pid).send_signal(signal.SIGCONT)

        def ended() -> set[int]:
            shard.flush()
            return shard.ended()

        assert wait_until(ended, "it has heard all of it", 10.0) == {camera.id}
    finally:
        shard.request_stop()
        shard.join(10.0)
