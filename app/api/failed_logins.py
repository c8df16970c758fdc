"""Guessing passwords takes long: failed logins are counted, in the memory of this process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

from core.clock import Clock

MAX_FAILURES = 10
WINDOW_S = 300.0
MAX_KEYS = 10_000
"""Bound of the memory; beyond it the keys that failed longest ago are forgotten."""

Key = tuple[str, str]
"""User name and address of the client."""


class FailedLogins:
    """At most `MAX_FAILURES` in `WINDOW_S` for each key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[Key, deque[float]] = OrderedDict()

    def wait_s(self, key: Key) -> float:
        """Seconds until the next attempt is allowed; 0: now."""
        with self._lock:
            times = self._failures.get(key)
            if times is None or len(times) < MAX_FAILURES:
                return 0.0
            return max(0.0, times[0] + WINDOW_S - self._clock.monotonic())

    def failed(self, key: Key) -> None:
        """Count a wrong password."""
        with self._lock:
            times = self._failures.setdefault(key, deque(maxlen=MAX_FAILURES))
            times.append(self._clock.monotonic())
            self._failures.move_to_end(key)
            if len(self._failures) > MAX_KEYS:
                self._failures.popitem(last=False)

    def succeeded(self, key: Key) -> None:
        """Forget the failures: it was the owner who mistyped."""
        with self._lock:
            self._failures.pop(key, None)
