"""`camrec alive`, as health checks of containers ask it."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from app.cli.alive import alive
from core import keys
from core.settings import Settings, get_settings
from tests.support.processes import children
from tests.support.waiting import wait_until


def exit_status(what: str) -> int:
    return CliRunner().invoke(alive, [what]).exit_code


def test_capture_and_workers_of_this_machine_are_told_alive_until_they_die(
    settings: Settings, redis_client: redis.Redis, tmp_path: Path
) -> None:
    assert (exit_status("capture"), exit_status("worker")) == (1, 1)
    with children(tmp_path) as processes:
        capture, worker = processes.start("capture"), processes.start("worker", "-Q", "jobs")
        for what in ("capture", "worker"):
            wait_until(lambda: exit_status(what) == 0, f"{what} gives signs of life", 60)  # noqa: B023
        for key in (keys.CAPTURE_NODES, keys.WORKERS):
            (sign,) = redis_client.hvals(key)
            assert abs(json.loads(sign)["clock_offset_s"]) < 1, "of one machine with Redis"
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert (exit_status("capture"), exit_status("worker")) == (0, 1)
        capture.terminate()
        wait_until(lambda: exit_status("capture") == 1, "the capture took its last sign back", 20)


def test_a_worker_forgets_those_that_will_not_come_back(
    settings: Settings, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Containers have another host name at each start."""
    now = time.time()
    for name, silent_s in (("of another host", 60.0), ("of a host of yesterday", 86_400.0)):
        sign = {"at": now - silent_s, "host": name, "pid": 1, "queues": []}
        redis_client.hset(keys.WORKERS, name, json.dumps(sign))
    with children(tmp_path) as processes:
        processes.start("worker", "-Q", "jobs", "-n", "own@host")
        wait_until(lambda: redis_client.hexists(keys.WORKERS, "own@host"), "it gives signs of life", 60)
        assert set(redis_client.hkeys(keys.WORKERS)) == {b"own@host", b"of another host"}


def test_without_redis_nothing_is_known_to_live(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMREC_REDIS_URL", "redis://127.0.0.1:1/0")
    get_settings.cache_clear()
    result = CliRunner().invoke(alive, ["worker"])
    assert result.exit_code == 1
    assert "Redis cannot be asked" in result.stderr
