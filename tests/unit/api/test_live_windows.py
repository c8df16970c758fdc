"""Live windows of cameras whose disks are slow, and of many cameras."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.api.errors import ApiError
from app.api.playback import live
from app.api.playback.live import LiveWindows
from storage.live import LiveWindow, Part
from tests.support.manual_clock import ManualClock


def playlist(windows: LiveWindows, camera_id: int) -> str:
    return windows.playlist(camera_id, Path("/nowhere"), str)


class Disk:
    """Stands in for what recorders write: every camera shows a part at once, but 13, whose disk answers when told."""

    def __init__(self) -> None:
        self.looks: list[int] = []
        self.is_asked, self.answers = threading.Event(), threading.Event()

    def look(self, window: LiveWindow) -> None:
        self.looks.append(window._camera_id)
        if window._camera_id == 13:
            self.is_asked.set()
            assert self.answers.wait(10)
        window.parts.append(Part("a", 100, 100, 1000, 1.0, 1.0, is_discontinuity=False))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()

    def look(window: LiveWindow, *_: object) -> None:
        disk.look(window)

    monkeypatch.setattr(LiveWindow, "look", look)
    return disk


def test_a_slow_disk_holds_up_its_own_camera_only(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BUSY_WAIT_S", 0.01)
    windows = LiveWindows(ManualClock())
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(playlist, windows, 13)
        assert disk.is_asked.wait(10)
        assert all("#EXTM3U" in playlist(windows, camera_id) for camera_id in (1, 2))
        with pytest.raises(ApiError) as refused:
            playlist(windows, 13)
        disk.answers.set()
        assert "#EXTM3U" in stuck.result(10)
    assert refused.value.status == 503
    assert disk.looks == [13, 1, 2]


def test_windows_are_bounded(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_CAMERAS", 2)
    windows = LiveWindows(ManualClock())
    for camera_id in (1, 2, 1, 3):
        playlist(windows, camera_id)
    assert list(windows._watched) == [1, 3]
