"""Figures that take too long to be worked out while somebody waits for them: Prometheus, a sign of life."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from core.clock import Clock
from core.errors import CamrecError

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Background(Generic[T]):
    """Answers with what was worked out last, and has it done anew in a thread when that is too old."""

    def __init__(self, work_out: Callable[[], T], every_s: float, clock: Clock) -> None:
        """Do nothing before it is asked for."""
        self._work_out, self._every_s, self._clock = work_out, every_s, clock
        self._lock = threading.Lock()
        self._next_s = float("-inf")
        self._last: T | None = None

    def newest(self) -> T | None:
        """What is known; None before it was worked out for the first time. Never waits."""
        with self._lock:
            if self._clock.monotonic() >= self._next_s:
                self._next_s = float("inf")
                threading.Thread(target=self._run, name="figures", daemon=True).start()
            return self._last

    def _run(self) -> None:
        last = self._last
        try:
            last = self._work_out()
        except (CamrecError, OSError) as error:
            _log.warning("figures are not worked out: %s", error)
        finally:
            with self._lock:
                self._last, self._next_s = last, self._clock.monotonic() + self._every_s
