"""``camrec capture`` as a process of a test, seen through what it leaves in Redis and in the frame store."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import redis

from core import keys
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.secrets import Secrets
from tests.support.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[2]


class CaptureProcess:
    """Runs with the settings of this process's environment; cameras are changed as the API does it."""

    def __init__(self, settings: Settings, client: redis.Redis) -> None:
        self._client = client
        self.database = Database(settings)
        self.database.migrate()
        self.cameras = CameraStore(self.database, Secrets(settings.data))
        self._log_path = settings.data / "capture.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> CaptureProcess:
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "capture"], cwd=PROJECT, stdout=log, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.database.close()
        sys.stdout.write(self.log())

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The node's."""
        assert self._process is not None
        return self._process

    def shards(self) -> list[psutil.Process]:
        """Processes of shards that run."""
        return [child for child in psutil.Process(self.process.pid).children() if is_shard(child)]

    def log(self) -> str:
        """What it has said so far."""
        return self._log_path.read_text()

    def terminate(self) -> int:
        """Ask it to end; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20.0)

    def add(self, name: str, url: str, **others: Any) -> Camera:
        """Add a camera and say so."""
        camera = self.cameras.add(Camera(0, name, url, **others))
        self.announce(camera.id)
        return camera

    def change(self, camera: Camera) -> Camera:
        """Change a camera and say so."""
        changed = self.cameras.change(camera)
        self.announce(camera.id)
        return changed

    def remove(self, camera_id: int) -> None:
        """Remove a camera and say so."""
        self.cameras.remove(camera_id)
        self.announce(camera_id)

    def announce(self, camera_id: int) -> None:
        """Say that a camera has changed, if anybody can hear it."""
        try:
            self._client.publish(keys.CAMERAS_CHANGED, str(camera_id))
        except redis.RedisError:
            return

    def status(self, camera_id: int) -> dict[str, Any]:
        """The camera's status; empty where there is none."""
        raw = self._client.get(keys.camera_status(camera_id))
        status: dict[str, Any] = json.loads(raw) if raw else {}
        return status

    def wait_for(
        self, camera: Camera, state: str, reason: str | None = None, timeout_s: float = 12.0
    ) -> dict[str, Any]:
        """The camera's status when it is in that state for that reason."""

        def look() -> dict[str, Any] | None:
            status = self.status(camera.id)
            return status if (status.get("state"), status.get("reason")) == (state, reason) else None

        try:
            return wait_until(look, f"{camera.name} {state} {reason or ''}", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; its status: {self.status(camera.id)}") from None

    def wait_for_frames(self, camera: Camera, count: int = 3, timeout_s: float = 12.0) -> dict[str, Any]:
        """The camera's status when it has sampled that many frames more than now, by their times."""
        seen: set[float] = set()

        def look() -> dict[str, Any] | None:
            status = self.status(camera.id)
            if status.get("last_frame_at"):
                seen.add(status["last_frame_at"])
            return status if len(seen) > count else None

        return wait_until(look, f"{count} new frames of {camera.name}", timeout_s)


def is_shard(process: psutil.Process) -> bool:
    """Whether a process is a shard that runs."""
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # or a zombie, which is one of these
        return False
