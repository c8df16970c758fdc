"""Live pictures of cameras that are not recorded now: written while somebody watches, and gone soon after."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import cast

import redis

from capture.disk_guard import DiskGuard
from capture.drops import Drops
from capture.recorder.camera_recorder import CameraRecorder
from capture.recorder.track import Finished
from capture.recorder.writer import Writer
from core import keys
from core.errors import UnavailableError
from storage.live import LIVE
from storage.segment_files import camera_folder

log = logging.getLogger(__name__)

KEPT_S = 60.0
"""Players fetch what a playlist listed up to half a minute ago."""
_INTERVAL_S = 0.5


class LiveFiles:
    """Deletes files of a folder some time after they are whole. For the writer's thread and one other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._finished: deque[tuple[float, Path]] = deque()

    def commit(self, finished: Finished) -> None:
        """Take a file that is whole."""
        self._finished.append((time.monotonic(), self._folder / finished.open_path))

    def remove_old(self) -> None:
        """Delete what nobody needs any more."""
        while self._finished and time.monotonic() - self._finished[0][0] > KEPT_S:
            with contextlib.suppress(OSError):
                self._finished.popleft()[1].unlink(missing_ok=True)

    def remove_all_of(self, camera_id: int) -> None:
        """Delete a camera's files, also those that a process before this one left."""
        shutil.rmtree(self._folder / camera_folder(camera_id), ignore_errors=True)


class LiveViewers:
    """A thread that asks Redis which cameras somebody watches, and lets their recorders know."""

    def __init__(
        self,
        media: Path,
        node: str,
        min_free_bytes: int,
        drops: Drops,
        connect: Callable[[], redis.Redis],
        recorders: Callable[[], dict[int, CameraRecorder]],
    ) -> None:
        """Idle until `start`.

        Args:
            media: the media folder.
            node: name of this machine.
            min_free_bytes: of the disk, without which nothing is written.
            drops: counters of what is lost.
            connect: makes a client of Redis.
            recorders: of the cameras of this process.
        """
        self._files = LiveFiles(media / LIVE)
        disk = DiskGuard(media, min_free_bytes, "Live pictures are not written", "keep recordings for a shorter time")
        self.sink = Writer(media / LIVE, node, disk, self._files, drops)
        self._connect, self._recorders = connect, recorders
        self._client: redis.Redis | None = None
        self._new: set[int] = set()
        """Cameras that began, and of which files may lie here."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-viewers", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self.sink.start()
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the threads."""
        self._stopped.set()
        self.sink.stop(timeout_s)

    def begin(self, camera_id: int) -> None:
        """The camera is this process's from now on, and has no recorder yet. The disk may hang: the thread uses it."""
        self._new.add(camera_id)

    def end(self, camera_id: int) -> None:
        """It is no longer."""
        self.sink.forget(camera_id)

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL_S):
            watched, recorders = self._watched(), self._recorders()
            while self._new:  # after the recorders were asked for: none writes beside its camera's old files
                self._files.remove_all_of(self._new.pop())
            for camera_id, recorder in recorders.items():
                recorder.show(camera_id in watched)
            self._files.remove_old()

    def _watched(self) -> set[int]:
        try:
            self._client = self._client or self._connect()
            watched = cast("list[bytes]", self._client.zrangebyscore(keys.LIVE_WANTED, time.time(), "+inf"))
            return {int(camera_id) for camera_id in watched}
        except (redis.RedisError, OSError, UnavailableError):
            self._client = None  # the embedded one gets a new address at each start
            return set()
