"""The process supervisor behind `camrec up`: restarts what ends, says what it does, leaves nobody behind."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from app.processes import start_child
from core.clock import Clock, SystemClock

log = logging.getLogger(__name__)

POLL_S = 0.2
MIN_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
HEALTHY_AFTER_S = 60.0
"""A child that ran this long starts anew without waiting when it ends, unless its program says otherwise."""

CRASH_LOOP_RESTARTS = 4
"""Restarts in a row, none healthy, from which health calls it a crash loop."""

STATUS_FILE = "supervisor.json"
"""In `Settings.run_dir`."""

STOP_S = 9.0
LAST_STOP_S = 4.0


@dataclass(frozen=True, slots=True)
class Program:
    """What is to run."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to our own environment."""
    death_signal: int = signal.SIGTERM
    """What it gets when the supervisor dies: SIGKILL for those that would wait for something that is gone, too."""
    niceness: int = 0
    """Of those that take all the CPU there is: capture and API must not wait for them."""
    healthy_after_s: float = HEALTHY_AFTER_S
    """More for those whose start alone takes longer, and may fail at its end."""
    stops_last: bool = False
    """Redis: the others say goodbye to it."""


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    since: float = 0.0
    started_at: float = 0.0
    """On the monotonic clock."""
    restarts: int = 0
    failures: int = 0
    """Ends in a row without a healthy run between them."""
    next_start_at: float = 0.0
    last_exit: str | None = None

    def state(self) -> str:
        if self.failures >= CRASH_LOOP_RESTARTS:
            return "crash_loop"
        return "running" if self.process is not None else "restarting"


class Supervisor:
    """Runs programs until told to stop. All children are started and reaped by the thread that calls `run`."""

    def __init__(self, status_file: Path, output: IO[bytes] | None = None, clock: Clock | None = None) -> None:
        self._status_file = status_file
        self._output = output
        self._clock = clock or SystemClock()
        self._children: list[_Child] = []
        self._stop = threading.Event()

    def start(self, program: Program) -> None:
        """Start a program and keep it running from now on."""
        child = _Child(program)
        self._children.append(child)
        self._start(child)
        self._write_status()

    def has_ended(self, name: str) -> str | None:
        """How a program ended, where it did; also where a stop was requested meanwhile."""
        if self._stop.is_set():
            return "stopped"
        process = next(c.process for c in self._children if c.program.name == name)
        code = None if process is None else process.poll()
        return None if code is None else _how_it_ended(code)

    def request_stop(self) -> None:
        """Make `run` end everything and return; may be called from a signal handler or another thread."""
        self._stop.set()

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Restart what ends, until a stop is requested or ``until`` holds."""
        while not until() and not self._stop.wait(POLL_S):
            self.poll()

    def poll(self) -> None:
        """One look at every child."""
        changed = False
        for child in self._children:
            changed |= self._look_at(child)
        if changed:
            self._write_status()

    def stop(self) -> None:
        """End every child: SIGTERM, then SIGKILL to who does not listen; those that stop last, last."""
        for last, patience_s in ((False, STOP_S), (True, LAST_STOP_S)):
            self._end([c for c in self._children if c.program.stops_last is last and c.process is not None], patience_s)
        self._children.clear()
        self._status_file.unlink(missing_ok=True)

    def _look_at(self, child: _Child) -> bool:
        now = self._clock.monotonic()
        if child.process is None:
            if now < child.next_start_at:
                return False
            child.restarts += 1
            self._start(child)
            return True
        code = child.process.poll()
        if code is None:
            if child.failures and now - child.started_at >= child.program.healthy_after_s:
                child.failures = 0
                return True
            return False
        if now - child.started_at >= child.program.healthy_after_s:
            child.failures = 0
        wait_s = min(MAX_BACKOFF_S, MIN_BACKOFF_S * 2**child.failures)
        child.failures += 1
        child.process, child.next_start_at, child.since = None, now + wait_s, self._clock.now()
        child.last_exit = _how_it_ended(code)
        log.warning("%s ended (%s); starts again in %.1f s", child.program.name, child.last_exit, wait_s)
        return True

    def _start(self, child: _Child) -> None:
        program = child.program
        try:
            child.process = start_child(
                program.command,
                env={**os.environ, **program.env, "CAMREC_PROCESS_NAME": program.name},
                output=self._output,
                death_signal=program.death_signal,
                niceness=program.niceness,
            )
        except OSError as error:
            child.failures += 1
            child.last_exit = f"cannot start: {error.strerror}"
            child.next_start_at = self._clock.monotonic() + min(MAX_BACKOFF_S, MIN_BACKOFF_S * 2**child.failures)
            log.error("%s cannot start: %s", program.name, error)
        child.started_at, child.since = self._clock.monotonic(), self._clock.now()

    @staticmethod
    def _end(children: Sequence[_Child], patience_s: float) -> None:
        processes = [c.process for c in children if c.process is not None]
        for process in processes:
            process.terminate()
        end = time.monotonic() + patience_s
        for process in processes:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process %d does not stop, killed", process.pid)
        for process in processes:
            # Its own children, if it left any behind, are in its process group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _write_status(self) -> None:
        status = {"pid": os.getpid(), "processes": [_status_of(child) for child in self._children]}
        draft = self._status_file.with_suffix(".draft")
        try:
            self._status_file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(status))
            draft.replace(self._status_file)
        except OSError as error:
            log.error("%s cannot be written: %s", self._status_file, error.strerror)


def read_status(run_dir: Path) -> list[dict[str, Any]] | None:
    """What `camrec up` says of its processes; None: it does not run on this data folder."""
    try:
        said = json.loads((run_dir / STATUS_FILE).read_text())
    except FileNotFoundError:
        return None
    found: list[dict[str, Any]] = said["processes"]
    return found


def _status_of(child: _Child) -> dict[str, Any]:
    return {
        "name": child.program.name,
        "pid": None if child.process is None else child.process.pid,
        "state": child.state(),
        "restarts": child.restarts,
        "last_exit": child.last_exit,
        "since": child.since,
    }


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
