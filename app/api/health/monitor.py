"""Runs the checks, each bounded in time, however often somebody asks."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from app.api.health.checks import CHECKS, DEGRADED, DOWN, OK, Part
from core.clock import Clock

if TYPE_CHECKING:
    from app.api.services import Services

TIMEOUT_S = 1.5
"""A part that does not answer in this time is down."""

LIFETIME_S = 1.0
"""Anybody may ask: more often than this, the last answer is given again."""

_log = logging.getLogger(__name__)


class HealthMonitor:
    """Knows how the parts are."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(len(CHECKS), thread_name_prefix="health")
        self._running: dict[str, Future[Part | None]] = {}
        self._lock = threading.Lock()
        self._report: dict[str, Any] = {}
        self._made_at = float("-inf")
        self._said: dict[str, str] = {}

    def report(self, services: Services) -> dict[str, Any]:
        """``{"status", "parts"}``: how every part is, not older than `LIFETIME_S`."""
        with self._lock:
            if self._clock.monotonic() - self._made_at > LIFETIME_S:
                self._report = self._make(services)
                self._made_at = self._clock.monotonic()
            return self._report

    def _make(self, services: Services) -> dict[str, Any]:
        for name, check in CHECKS.items():
            # A check that still hangs is not started again: threads would pile up behind a dead server.
            if name not in self._running:
                self._running[name] = self._pool.submit(check, services)
        wait(self._running.values(), TIMEOUT_S)
        parts = {name: part for name in CHECKS if (part := self._part(name)) is not None}
        return {"status": OK if all(part["status"] == OK for part in parts.values()) else DEGRADED, "parts": parts}

    def _part(self, name: str) -> Part | None:
        future = self._running[name]
        if not future.done():
            return {"status": DOWN, "message": f"No answer within {TIMEOUT_S:g} s."}
        del self._running[name]
        error = future.exception()
        self._log_change(name, "" if error is None else str(error))
        if error is None:
            return future.result()
        # The error may name hosts and paths, and anybody may read this answer.
        return {"status": DOWN, "message": f"Cannot be asked ({type(error).__name__}); the log says more."}

    def _log_change(self, name: str, error: str) -> None:
        """Health is asked every few seconds: only what is new is worth a line."""
        if error and error != self._said.get(name):
            _log.warning("Health of %s: %s", name, error)
        self._said[name] = error
