"""Live pictures and a disk that hangs."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
import redis

from capture.drops import Drops
from capture.recorder.camera_recorder import CameraRecorder
from capture.recorder.live import LiveViewers
from core.errors import UnavailableError
from storage.live import LIVE
from storage.segment_files import camera_folder


def test_nobody_but_its_own_thread_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, may_go_on, shown = threading.Event(), threading.Event(), threading.Event()
    old = tmp_path / LIVE / camera_folder(7)
    old.mkdir(parents=True)
    rmtree = shutil.rmtree

    def hanging(path: Path, *, ignore_errors: bool) -> None:
        hangs.set()
        assert may_go_on.wait(10.0)
        rmtree(path, ignore_errors=ignore_errors)

    class Recorder(CameraRecorder):
        def __init__(self) -> None:
            pass

        def show(self, is_watched: bool) -> None:
            assert not is_watched
            assert not old.exists(), "players would be given what a former process wrote"
            shown.set()

    def no_redis() -> redis.Redis:
        raise UnavailableError("away")

    recorders: dict[int, CameraRecorder] = {}
    monkeypatch.setattr(shutil, "rmtree", hanging)
    viewers = LiveViewers(tmp_path, "here", 0, Drops(), no_redis, lambda: dict(recorders))
    viewers.start()
    try:
        viewers.begin(7)
        recorders[7] = Recorder()
        assert hangs.wait(5.0)
        assert not shown.is_set()
        may_go_on.set()
        assert shown.wait(5.0)
    finally:
        may_go_on.set()
        viewers.stop(1.0)
