"""How full the disk is."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from core.clock import Clock, SystemClock
from storage.retention.room import needed_bytes

log = logging.getLogger(__name__)

_CHECK_INTERVAL_S = 2.0
_COMPLAINT_INTERVAL_S = 60.0
_ROOM_AGAIN = 1.1
"""So much more than the least must be free before writing goes on, or it would stop and go on every moment."""


class DiskGuard:
    """Looks now and then how full the disk is, and complains once a minute. For one thread."""

    def __init__(self, folder: Path, min_free_bytes: int, what: str, advice: str, clock: Clock | None = None) -> None:
        """Look at nothing yet.

        Args:
            folder: on the disk to look at; made where it is missing.
            min_free_bytes: that must be free, see `needed_bytes`.
            what: does not happen without room, as the log says it.
            advice: how to make room.
            clock: of the machine by default.
        """
        self._folder, self._min_free_bytes, self._what, self._advice = folder, min_free_bytes, what, advice
        self._clock = clock or SystemClock()
        self._checked_s = self._complained_s = float("-inf")
        self._has_room = True

    def has_room(self) -> bool:
        """Whether there is enough, as of the last seconds."""
        now_s = self._clock.monotonic()
        if now_s - self._checked_s >= _CHECK_INTERVAL_S:
            self._checked_s = now_s
            self._has_room = self._look()
        return self._has_room

    def complain(self, message: str) -> None:
        """Log an error, at most once a minute."""
        now_s = self._clock.monotonic()
        if now_s - self._complained_s >= _COMPLAINT_INTERVAL_S:
            self._complained_s = now_s
            log.error("%s: %s", self._what, message)

    def _look(self) -> bool:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            usage = shutil.disk_usage(self._folder)
        except OSError as error:
            self.complain(f"{self._folder}: {error.strerror}")
            return False
        needed = needed_bytes(usage.total, self._min_free_bytes)
        if usage.free < needed * (1.0 if self._has_room else _ROOM_AGAIN):
            self.complain(
                f"{usage.free / 1e6:.0f} MB are free on the disk of {self._folder}, {needed / 1e6:.0f} MB must be. "
                f"Free some, or {self._advice}."
            )
            return False
        return True
