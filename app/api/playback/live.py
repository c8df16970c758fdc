"""Live pictures of cameras as recorded: windows that go on from request to request."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.api.errors import ApiError
from core.clock import Clock
from storage.hls import live_playlist
from storage.live import LiveWindow

START_WAIT_S = 12.0
"""A camera that nobody watched needs two groups of pictures until there is something to play."""
MAX_WAITING = 4
"""Requests that wait for that; more would take the threads of the others."""
MOST_CAMERAS = 1000
"""Windows that are remembered; beyond it the one that nobody has asked for the longest goes."""
BUSY_WAIT_S = 1.0
"""How long a request waits for another one that looks at the same camera's disk."""
_LOOK_INTERVAL_S = 0.4


@dataclass(slots=True)
class _Watched:
    """One camera's."""

    window: LiveWindow
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while its files are read: a slow disk must not hold up the other cameras."""
    looked_s: float = 0.0


class LiveWindows:
    """One window for each camera that is watched; safe for threads.

    Numbers of a window begin at the time at which it is made, in half seconds: above any that an API process before
    this one gave out, since parts are longer.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: OrderedDict[int, _Watched] = OrderedDict()
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)

    def playlist(self, camera_id: int, recordings: Path, url: Callable[[str], str]) -> str:
        """What there is of a camera now; waits for it when there is nothing yet.

        Args:
            camera_id: Whose.
            recordings: Folder below which its recorder writes.
            url: Where a file of that name is to be had.

        Raises:
            ApiError: 503, there is nothing yet.
        """
        return self.wait(camera_id, lambda: self.current(camera_id, recordings, url))

    def wait(self, camera_id: int, look: Callable[[], str | None]) -> str:
        """As `playlist`, of whatever way to look there is.

        Raises:
            ApiError: 503, there is nothing yet.
        """
        text = look()
        if text is None and self._waiting.acquire(blocking=False):
            try:
                deadline_s = self._clock.monotonic() + START_WAIT_S
                while text is None and self._clock.monotonic() < deadline_s:
                    self._clock.sleep(_LOOK_INTERVAL_S)
                    text = look()
            finally:
                self._waiting.release()
        if text is None:
            raise ApiError(
                503,
                "no_live_picture",
                f"The camera shows nothing now; /api/v1/cameras/{camera_id}/status says why.",
                headers={"Retry-After": "2"},
            )
        return text

    def current(self, camera_id: int, recordings: Path, url: Callable[[str], str]) -> str | None:
        """As `playlist`, without waiting; None: there is nothing yet."""
        watched = self._watched_now(camera_id)
        if not watched.lock.acquire(timeout=BUSY_WAIT_S):
            return None
        try:
            now_s, window = self._clock.now(), watched.window
            if now_s - watched.looked_s >= _LOOK_INTERVAL_S:
                window.look(recordings, now_s)
                watched.looked_s = now_s
            return live_playlist(window, url) if window.parts else None
        finally:
            watched.lock.release()

    def _watched_now(self, camera_id: int) -> _Watched:
        with self._lock:
            watched = self._watched.get(camera_id)
            if watched is None:
                now_s = self._clock.now()
                watched = self._watched[camera_id] = _Watched(LiveWindow(camera_id, int(now_s * 2), int(now_s // 60)))
            self._watched.move_to_end(camera_id)
            if len(self._watched) > MOST_CAMERAS:
                self._watched.popitem(last=False)
            return watched
