"""Sees changes of cameras: told by Redis at once, by the database within seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import redis

from capture.bell import Bell
from core.clock import Clock, SystemClock
from core.complaint import Complaint
from core.keys import CAMERAS_CHANGED
from storage.camera import Camera
from storage.cameras import CameraNotFoundError, CameraStore

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 3.0
"""Without Redis, or when its message was lost, changes are seen after so long."""
KNOWN_FOR_S = 2 * POLL_INTERVAL_S
"""After the last good look it is not known any more which cameras exist."""
MAX_RETRY_S = 10.0
_SETTLE_S = 0.1
"""Cameras that are imported one by one make many messages: they are answered together."""


class CameraWatcher:
    """A thread that keeps the list of cameras. What it has, it keeps while the database is down."""

    def __init__(
        self,
        prepare: Callable[[], None],
        open_cameras: Callable[[], CameraStore],
        connect: Callable[[], redis.Redis],
        clock: Clock | None = None,
    ) -> None:
        """Idle until `start`.

        Args:
            prepare: makes the database ready; repeated until it does not raise UnavailableError.
            open_cameras: gives access to the cameras.
            connect: makes a client of Redis.
            clock: of the machine by default.
        """
        self._prepare, self._open_cameras, self._clock = prepare, open_cameras, clock or SystemClock()
        self._looked_s = float("-inf")
        self._store: CameraStore | None = None
        self._cameras: dict[int, Camera] | None = None
        self._unreadable: dict[int, int] = {}
        """Id → version of cameras that cannot be decrypted."""
        self._news: dict[int, Camera] | None = None
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._bell = Bell(connect, CAMERAS_CHANGED, POLL_INTERVAL_S, _SETTLE_S, self._stopped)
        self._thread = threading.Thread(target=self._run, name="camera-watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it may be waiting for the database, and is a daemon."""
        self._stopped.set()

    def wait(self, timeout_s: float) -> dict[int, Camera] | None:
        """All cameras by id, when they have changed since the last call; None after that time."""
        with self._changed:
            self._changed.wait_for(lambda: self._news is not None, timeout_s)
            news, self._news = self._news, None
            return news

    def camera_ids(self) -> set[int] | None:
        """Of all cameras that exist, those that cannot be read, too; None: not known now."""
        cameras, unreadable = self._cameras, self._unreadable
        is_known = self._clock.monotonic() - self._looked_s <= KNOWN_FOR_S
        return cameras.keys() | unreadable if cameras is not None and is_known else None

    def _run(self) -> None:
        failures, complaint = 0, Complaint(log, "Cameras cannot be read; those known are watched on")
        while not self._stopped.is_set():
            try:
                self._look()
                self._bell.wait()
            except Exception as error:  # noqa: BLE001  # whatever it is: without this thread no change is seen
                complaint.failed(error)
                failures += 1
                self._stopped.wait(min(MAX_RETRY_S, 0.5 * 2.0**failures))
            else:
                complaint.well()
                failures = 0

    def _look(self) -> None:
        if self._store is None:
            self._prepare()
            self._store = self._open_cameras()
        looked_s = self._clock.monotonic()
        versions = self._store.versions()
        self._unreadable = {i: v for i, v in self._unreadable.items() if versions.get(i) == v}
        cameras = {i: c for i, c in (self._cameras or {}).items() if versions.get(i) == c.version}
        for camera_id in sorted(versions.keys() - cameras.keys()):
            if self._unreadable.get(camera_id) != versions[camera_id]:
                self._read(self._store, camera_id, versions[camera_id], cameras)
        if cameras != self._cameras:
            self._cameras = cameras
            with self._changed:
                self._news = cameras
                self._changed.notify()
        self._looked_s = looked_s

    def _read(self, store: CameraStore, camera_id: int, version: int, cameras: dict[int, Camera]) -> None:
        try:
            camera = store.get(camera_id)
        except CameraNotFoundError:
            return  # removed just now
        if camera.fault is None:
            cameras[camera_id] = camera
        else:
            self._unreadable[camera_id] = version
            log.error("Camera %d cannot be watched: %s", camera_id, camera.fault)
