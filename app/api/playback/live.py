"""Live pictures of cameras as recorded: windows that go on from request to request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from app.api.errors import ApiError
from core.clock import Clock
from storage.hls import live_playlist
from storage.live import LiveWindow

START_WAIT_S = 12.0
"""A camera that nobody watched needs two groups of pictures until there is something to play."""
MAX_WAITING = 4
"""Requests that wait for that; more would take the threads of the others."""
_LOOK_INTERVAL_S = 0.4


class LiveWindows:
    """One window for each camera that is watched; safe for threads.

    Numbers of a window begin at the time at which it is made, in half seconds: above any that an API process before
    this one gave out, since parts are longer.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[int, LiveWindow] = {}
        self._looked_s: dict[int, float] = {}
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
        text = self._text(camera_id, recordings, url)
        if text is None and self._waiting.acquire(blocking=False):
            try:
                deadline_s = self._clock.monotonic() + START_WAIT_S
                while text is None and self._clock.monotonic() < deadline_s:
                    self._clock.sleep(_LOOK_INTERVAL_S)
                    text = self._text(camera_id, recordings, url)
            finally:
                self._waiting.release()
        if text is None:
            raise ApiError(
                503,
                "no_live_picture",
                f"The camera shows nothing yet; /api/v1/cameras/{camera_id}/status says why.",
                headers={"Retry-After": "2"},
            )
        return text

    def _text(self, camera_id: int, recordings: Path, url: Callable[[str], str]) -> str | None:
        with self._lock:
            now_s = self._clock.now()
            window = self._windows.get(camera_id)
            if window is None:
                window = self._windows[camera_id] = LiveWindow(camera_id, int(now_s * 2), int(now_s // 60))
            if now_s - self._looked_s.get(camera_id, 0.0) >= _LOOK_INTERVAL_S:
                window.look(recordings, now_s)
                self._looked_s[camera_id] = now_s
            return live_playlist(window, url) if window.parts else None
