"""Several ``camrec capture`` processes that share cameras, seen through Redis and through the cameras."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import redis

from app.demo.rtsp import RtspServer
from app.processes import start_child
from capture.camera_leases import nodes_of_cameras
from core import keys
from core.lease_table import LeaseTable
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.secrets import Secrets
from tests.support.waiting import wait_until


class Node:
    """One, with a data folder of its own."""

    def __init__(self, name: str, folder: Path, settings: Settings, *, data: Path | None = None, **others: str) -> None:
        """Start it, or with ``data`` another process on a folder that is there."""
        self.name = name
        self.data = data or folder / name
        self._log_path = folder / f"{name}-{time.monotonic_ns()}.log"
        environ = {
            "data": str(self.data),
            "node": name,
            "database_url": settings.resolve_database_url(),
            "secret_key": (settings.data / "secret.key").read_text(),
            **others,
        }
        with self._log_path.open("wb") as output:
            self.process = start_child(
                [sys.executable, "-P", "-m", "app.cli", "capture"],
                env={**os.environ, **{f"CAMREC_{key.upper()}": value for key, value in environ.items()}},
                output=output,
                death_signal=signal.SIGKILL,
            )

    def log(self) -> str:
        """What it has said so far."""
        return self._log_path.read_text()

    def terminate(self) -> int:
        """SIGTERM; its exit status."""
        self.process.terminate()
        return self.process.wait(15.0)

    def kill(self) -> None:
        """kill -9; its shards go with it."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> list[psutil.Process]:
        """As a host does that is paused: the node and its shards."""
        process = psutil.Process(self.process.pid)
        family = [process, *process.children()]
        for member in family:
            member.suspend()
        return family


class CaptureNodes:
    """Starts nodes, and says who has which camera."""

    def __init__(self, folder: Path, settings: Settings, client: redis.Redis) -> None:
        self._folder, self._settings, self._client = folder, settings, client
        self._database = Database(settings)
        self._database.migrate()
        self.cameras = CameraStore(self._database, Secrets.of(settings))
        self.started: list[Node] = []

    def start(self, name: str, data: Path | None = None, **others: str) -> Node:
        """Start one; ``others``: settings."""
        node = Node(name, self._folder, self._settings, data=data, **others)
        self.started.append(node)
        return node

    def add(self, names: Sequence[str], rtsp: RtspServer) -> list[Camera]:
        """Add cameras of the server."""
        return [self.cameras.add(Camera(0, name, rtsp.url(name))) for name in names]

    def holders(self) -> dict[int, str]:
        """Camera → node, now."""
        try:
            return nodes_of_cameras(LeaseTable(self._client, keys.CAPTURE_LEASES, "").exchange().holders)
        except redis.RedisError:
            return {}

    def counts(self) -> Counter[str]:
        """Node → cameras that it holds."""
        return Counter(self.holders().values())

    def wait_for(self, timeout_s: float, **counts: int) -> None:
        """Until the nodes hold so many cameras."""
        wait_until(lambda: self.counts() == counts, f"cameras of nodes: {counts}", timeout_s)

    def end(self) -> None:
        """Kill those that run."""
        for node in self.started:
            if node.process.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(node.process.pid).resume()
                node.kill()
            sys.stdout.write(f"--- {node.name}\n{node.log()}")
        self._database.close()


@contextmanager
def capture_nodes(folder: Path, settings: Settings, client: redis.Redis) -> Iterator[CaptureNodes]:
    """Nodes that end with the block."""
    nodes = CaptureNodes(folder, settings, client)
    try:
        yield nodes
    finally:
        nodes.end()


class StreamWatch:
    """Counts the open streams of each camera all the time."""

    def __init__(self, rtsp: RtspServer) -> None:
        self._rtsp = rtsp
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.restart()

    def restart(self) -> None:
        """Forget what was seen so far."""
        self._most: Counter[str] = Counter()
        self._seen_at_s = dict.fromkeys(self._rtsp.names, time.monotonic())
        self._gaps_s = dict.fromkeys(self._rtsp.names, 0.0)

    def most(self) -> int:
        """Streams of one camera that were open at once."""
        return max(self._most.values(), default=0)

    def longest_gap_s(self) -> float:
        """For which a camera had no stream."""
        return max(self._gaps_s.values())

    def now(self) -> set[int]:
        """Numbers of streams that cameras have now."""
        return {self._rtsp.viewers(name) for name in self._rtsp.names}

    def _run(self) -> None:
        while not self._stopped.wait(0.02):
            for name in self._rtsp.names:
                viewers, now_s = self._rtsp.viewers(name), time.monotonic()
                self._most[name] = max(self._most[name], viewers)
                self._gaps_s[name] = max(self._gaps_s[name], now_s - self._seen_at_s[name])
                if viewers:
                    self._seen_at_s[name] = now_s

    def __enter__(self) -> StreamWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
