"""How far long work is: a backup, a check of all recordings."""

from __future__ import annotations

import logging
from typing import Literal, Protocol

from core.clock import Clock

log = logging.getLogger(__name__)

LOG_INTERVAL_S = 60.0
Unit = Literal["bytes", "rows", "files"]


class Progress(Protocol):
    """Is told often; what is shown of it is the caller's business."""

    def __call__(self, step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        """``done`` of ``total`` are through; ``step`` says what is being done, and is the same while it is."""


def silent(step: str, done: int, total: int, unit: Unit = "bytes") -> None:
    """Nobody looks."""


class LoggedProgress:
    """A line in the log now and then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said_at_s = clock.monotonic()

    def __call__(self, step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        """As of `Progress`."""
        if self._clock.monotonic() - self._said_at_s >= LOG_INTERVAL_S:
            self._said_at_s = self._clock.monotonic()
            log.info("%s: %d of %d %s", step, done, total, unit)
