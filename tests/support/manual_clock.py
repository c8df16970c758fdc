"""A clock that tests move."""

from __future__ import annotations


class ManualClock:
    """Stands still until `advance`."""

    def __init__(self, epoch_s: float = 1_800_000_000.0) -> None:
        self._epoch_s, self._passed_s = epoch_s, 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._epoch_s + self._passed_s

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return self._passed_s

    def sleep(self, duration_s: float) -> None:
        """Advance."""
        self.advance(duration_s)

    def advance(self, duration_s: float) -> None:
        """Let time pass."""
        self._passed_s += duration_s
