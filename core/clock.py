"""Time, passed in so that tests can move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where code that waits or stamps gets its time."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""

    def sleep(self, duration_s: float) -> None:
        """Return after that time has passed on this clock."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()

    def sleep(self, duration_s: float) -> None:
        """Block the calling thread."""
        time.sleep(duration_s)


def iso_utc(epoch_s: float) -> str:
    """ISO 8601 in UTC with milliseconds, e.g. ``2026-11-24T05:45:43.120Z``."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
