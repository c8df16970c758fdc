"""A worker whose GPU fails batch after batch ends itself, and is started anew by whoever watches it.

After most errors of CUDA the process has lost its context for good, while a new process gets a new one. Where the GPU
itself is gone, the new worker says so at its start.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

from inference.gpu import DeviceError

log = logging.getLogger(__name__)

MOST_FAILURES = 5
"""Batches in a row: a batch too large for the memory that is left just now is no reason."""
GRACE_S = 20.0
"""For a warm shutdown; who hangs in a driver does not come to its end."""


class DeviceGuard:
    """Counts for one process. Safe for threads: one failure more or less does not matter."""

    def __init__(self, end: Callable[[], None] | None = None) -> None:
        """``end``: what ends the process; by default a warm shutdown, as by SIGTERM, then SIGKILL."""
        self._end = end or _end_worker
        self._failures = 0

    def worked(self) -> None:
        """A batch ran."""
        self._failures = 0

    def failed(self, error: Exception) -> None:
        """A batch did not run."""
        if not isinstance(error, DeviceError):
            return
        self._failures += 1
        if self._failures == MOST_FAILURES:
            log.critical("The worker ends, to be started anew: its GPU failed %d batches in a row", MOST_FAILURES)
            self._end()


def _end_worker() -> None:
    kill = threading.Timer(GRACE_S, os.kill, (os.getpid(), signal.SIGKILL))
    kill.daemon = True
    kill.start()
    os.kill(os.getpid(), signal.SIGTERM)
