"""The supervisor with real child processes and a clock that the test moves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.supervisor import CRASH_LOOP_RESTARTS, HEALTHY_AFTER_S, MAX_BACKOFF_S, Program, Supervisor
from tests.support.manual_clock import ManualClock
from tests.support.waiting import wait_until

FAILS = Program("fails", [sys.executable, "-c", "raise SystemExit(3)"])
SLEEPS = Program("sleeps", [sys.executable, "-c", "import time; time.sleep(600)"])


@pytest.fixture
def status_file(tmp_path: Path) -> Path:
    return tmp_path / "run" / "supervisor.json"


def process_of(status_file: Path) -> dict[str, Any]:
    (found,) = json.loads(status_file.read_text())["processes"]
    return dict(found)


def poll_until_ended(supervisor: Supervisor, status_file: Path) -> None:
    def ended() -> bool:
        supervisor.poll()
        return process_of(status_file)["pid"] is None

    wait_until(ended, "the child has ended", 20)


def test_restarts_wait_longer_and_longer_until_health_calls_it_a_loop(status_file: Path) -> None:
    clock = ManualClock()
    supervisor = Supervisor(status_file, clock=clock)
    supervisor.start(FAILS)
    waits = []
    for _ in range(8):
        poll_until_ended(supervisor, status_file)
        waited = 0.0
        while process_of(status_file)["pid"] is None:
            clock.advance(0.25)
            waited += 0.25
            supervisor.poll()
        waits.append(waited)
    assert waits == sorted(waits)
    assert waits[0] <= 0.5
    assert waits[-1] == MAX_BACKOFF_S
    found = process_of(status_file)
    assert found["state"] == "crash_loop"
    assert found["restarts"] == 8 >= CRASH_LOOP_RESTARTS
    assert found["last_exit"] == "exit 3"
    supervisor.stop()


@pytest.mark.parametrize(
    ("program", "wait_s", "state"),
    [
        pytest.param(SLEEPS, 0.5, "running", id="a healthy run"),
        pytest.param(
            replace(SLEEPS, healthy_after_s=900.0), MAX_BACKOFF_S, "crash_loop", id="a start that takes long to fail"
        ),
    ],
)
def test_only_a_run_that_got_beyond_its_start_is_forgiven(
    program: Program, wait_s: float, state: str, status_file: Path
) -> None:
    clock = ManualClock()
    supervisor = Supervisor(status_file, clock=clock)
    supervisor.start(program)
    for _ in range(CRASH_LOOP_RESTARTS + 1):
        clock.advance(HEALTHY_AFTER_S + 1)
        os.kill(process_of(status_file)["pid"], signal.SIGKILL)
        poll_until_ended(supervisor, status_file)
        clock.advance(wait_s)
        supervisor.poll()
    found = process_of(status_file)
    assert (found["state"], found["last_exit"]) == (state, "SIGKILL")
    supervisor.stop()


def test_a_program_that_is_not_there_is_told_and_tried_again(status_file: Path) -> None:
    supervisor = Supervisor(status_file, clock=ManualClock())
    supervisor.start(Program("none", ["/no/such/program"]))
    found = process_of(status_file)
    assert found["state"] == "restarting"
    assert "cannot start" in found["last_exit"]
    supervisor.stop()


def test_stop_ends_children_that_do_not_listen_and_their_children(status_file: Path, tmp_path: Path) -> None:
    stubborn = textwrap.dedent("""
        import pathlib, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pathlib.Path(sys.argv[1]).write_text(str(child.pid))
        time.sleep(600)
    """)
    pid_file = tmp_path / "pid"
    supervisor = Supervisor(status_file)
    supervisor.start(Program("stubborn", [sys.executable, "-c", stubborn, str(pid_file)]))
    grandchild = int(wait_until(lambda: pid_file.exists() and pid_file.read_text(), "it has a child", 20))
    family = [psutil.Process(grandchild), psutil.Process(process_of(status_file)["pid"])]
    supervisor.stop()
    _, left = psutil.wait_procs(family, timeout=5)
    assert not left
    assert not status_file.exists()


def test_nobody_is_left_behind_when_the_supervisor_is_killed(status_file: Path) -> None:
    parent = textwrap.dedent("""
        import sys
        from pathlib import Path
        from app.supervisor import Program, Supervisor
        supervisor = Supervisor(Path(sys.argv[1]))
        supervisor.start(Program("sleeps", [sys.executable, "-c", "import time; time.sleep(600)"]))
        supervisor.run()
    """)
    process = subprocess.Popen([sys.executable, "-c", parent, str(status_file)])
    wait_until(status_file.exists, "the supervisor runs", 20)
    child = psutil.Process(process_of(status_file)["pid"])
    process.kill()
    process.wait()
    _, left = psutil.wait_procs([child], timeout=10)
    assert not left
