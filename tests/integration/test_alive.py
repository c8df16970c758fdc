"""`camrec alive`, as health checks of containers ask it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.alive import alive
from core.settings import Settings, get_settings
from tests.support.processes import children
from tests.support.waiting import wait_until


def exit_status(what: str) -> int:
    return CliRunner().invoke(alive, [what]).exit_code


def test_capture_and_workers_of_this_machine_are_told_alive_until_they_die(settings: Settings, tmp_path: Path) -> None:
    assert (exit_status("capture"), exit_status("worker")) == (1, 1)
    with children(tmp_path) as processes:
        capture, worker = processes.start("capture"), processes.start("worker", "-Q", "jobs")
        for what in ("capture", "worker"):
            wait_until(lambda what=what: exit_status(what) == 0, f"{what} gives signs of life", 60)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert (exit_status("capture"), exit_status("worker")) == (0, 1)
        capture.terminate()
        wait_until(lambda: exit_status("capture") == 1, "the capture took its last sign back", 20)


def test_without_redis_nothing_is_known_to_live(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMREC_REDIS_URL", "redis://127.0.0.1:1/0")
    get_settings.cache_clear()
    result = CliRunner().invoke(alive, ["worker"])
    assert result.exit_code == 1
    assert "Redis cannot be asked" in result.stderr
