"""`camrec up` as a user runs it, with an API client that is logged in."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.demo.client import ApiClient, ApiError
from app.ports import free_port
from tests.support.processes import Children, children
from tests.support.waiting import wait_until

PASSWORD = "a-password-for-tests"


class RunningSystem:
    """One installation on this machine."""

    def __init__(self, data: Path, port: int, started: Children) -> None:
        self.data = data
        self.frame_dir = Path(os.environ["CAMREC_FRAME_DIR"])
        self._started = started
        self._process = started.start("up", "--data", str(data), "--port", str(port))
        self.site = f"http://127.0.0.1:{port}"
        self.api = ApiClient(f"{self.site}/api/v1")
        wait_until(self._has_come_up, "the API answers", 60)
        self.api.log_in("admin", PASSWORD)

    def _has_come_up(self) -> bool:
        assert self._process.poll() is None, self._started.logs()
        return self.health() is not None

    def logs(self) -> str:
        """What all processes wrote."""
        return self._started.logs()

    def health(self) -> dict[str, Any] | None:
        """What health says, or None while the API does not answer."""
        try:
            found: dict[str, Any] = self.api.call("GET", "/health")
        except ApiError:
            return None
        return found

    def pid(self, name: str) -> int:
        """Of a supervised process, once it runs."""

        def look() -> int | None:
            said = json.loads((self.data / "run" / "supervisor.json").read_text())
            found: int | None = next(p["pid"] for p in said["processes"] if p["name"] == name)
            return found

        return wait_until(look, f"{name} runs", 30) or 0

    def kill(self, name: str) -> None:
        """kill -9."""
        os.kill(self.pid(name), signal.SIGKILL)

    def camera_status(self, camera_id: int) -> dict[str, Any]:
        """Of one camera; empty while the API cannot say."""
        try:
            found: dict[str, Any] = self.api.call("GET", f"/cameras/{camera_id}/status")
        except ApiError:
            return {}
        return found

    def events(self) -> list[dict[str, Any]]:
        """The newest 500; none while the API cannot say."""
        try:
            found: list[dict[str, Any]] = self.api.call("GET", "/events?limit=500")["items"]
        except ApiError:
            return []
        return found

    def stop(self) -> tuple[int, list[psutil.Process]]:
        """SIGTERM; the exit status, and descendants that are left."""
        family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(15)
        _, left = psutil.wait_procs(family, timeout=5)  # some are collected by process 1, when it comes to that
        return code, left


@contextmanager
def running_system(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Iterator[RunningSystem]:
    """Run `camrec up` on a data folder of its own, with an embedded Redis."""
    for name in [n for n in os.environ if n.startswith("CAMREC_")]:
        monkeypatch.delenv(name)
    for name, value in {"admin_password": PASSWORD, **settings}.items():
        monkeypatch.setenv(f"CAMREC_{name.upper()}", value)
    with children(folder) as started:
        yield RunningSystem(folder / "data of the system", free_port(), started)
