"""Every process runs where only its data folder and a folder for passing files can be written, as in containers."""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import redis

from app.ports import free_port
from core import keys
from core.settings import Settings, get_settings
from tests.support.processes import CAMREC, children
from tests.support.waiting import wait_until

SHUT = (
    'mount --bind "$CAMREC_DATA" "$CAMREC_DATA" && mount --bind "$TMPDIR" "$TMPDIR" && mount -o remount,bind,ro / '
    '&& ! touch "$1" 2> /dev/null && shift && exec "$@"'
)
UNSHARE = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SHUT, "sh"]
WORKERS = {"plates", "events", "jobs"}


@pytest.fixture
def shut(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What to put before a command; skips where mounts cannot be made."""
    passing = tmp_path / "passing"
    for folder in (passing, settings.data):
        folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("TMPDIR", str(passing))
    monkeypatch.setenv("HOME", "/nonexistent")
    prefix = [*UNSHARE, str(tmp_path / "must-not-be-there")]
    try:
        done = subprocess.run([*prefix, "true"], capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not here")
    if done.returncode != 0:
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")
    return prefix


def test_nothing_is_written_outside_of_data_and_passing_files(
    shut: list[str], settings: Settings, redis_client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, media = free_port(), free_port()
    monkeypatch.setenv("CAMREC_FRAME_TRANSPORT", "redis")
    monkeypatch.setenv("CAMREC_NODE_URL", f"http://127.0.0.1:{media}")
    get_settings.cache_clear()
    camrec = [*shut, *CAMREC]
    with children(tmp_path) as processes:
        processes.start("api", "--port", str(api), command=camrec)
        wait_until(lambda: answers(f"http://127.0.0.1:{api}/api/v1/health"), "the API answers", 60)
        started = [processes.start(name, command=camrec) for name in ("capture", "media", "beat")]
        started += [
            processes.start("worker", "-Q", queues, command=camrec)
            for queues in ("plates", "events.0,events.1", "jobs")
        ]
        wait_until(lambda: redis_client.hlen(keys.WORKERS) == len(WORKERS), "all workers live", 60)
        wait_until(lambda: redis_client.hlen(keys.CAPTURE_NODES) == 1, "the capture lives", 60)
        wait_until(lambda: answers(f"http://127.0.0.1:{media}/health"), "media are served", 30)
        wait_until(lambda: list((settings.data / "run").glob("beat-schedule*")), "beat keeps its schedule", 30)
        assert [process.poll() for process in started] == [None] * len(started)
        log = processes.logs()
    assert "Read-only file system" not in log
    assert os.strerror(13) not in log


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
