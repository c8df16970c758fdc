"""Trying a driver in a process of its own: one that crashes or hangs takes nobody else with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from core.parent_death import die_with_parent

_END_S = 1.0


class Trial:
    """A module of ours that is run as a program: exit status 0 where what it tries works, else it says why not."""

    def __init__(self, module: str, *arguments: str, **environment: str) -> None:
        """Start it; several run beside each other.

        Args:
            module: as for ``python -m``.
            arguments: of its command line.
            environment: added to that of this process.
        """
        self._started_s = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509  # only async-signal-safe calls in it
        )

    def fault(self, timeout_s: float) -> str | None:
        """Wait for its end: the last line of its errors, or what became of it; None: it worked.

        Args:
            timeout_s: since it was started.
        """
        left_s = max(0.0, self._started_s + timeout_s - time.monotonic())
        try:
            _, errors = self._process.communicate(timeout=left_s)
        except subprocess.TimeoutExpired:
            self.stop()
            return f"it did not answer within {timeout_s:g} s"
        code = self._process.returncode
        if code < 0:
            return f"it crashed ({signal.Signals(-code).name})"
        return None if code == 0 else (errors.strip().splitlines() or [f"exit {code}"])[-1]

    def stop(self) -> None:
        """Kill it, and wait only a moment: who hangs in a driver may not even die."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=_END_S)
