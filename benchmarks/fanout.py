"""Cost against the number of cameras, 0 to 1000: nothing grows faster than linearly.

.venv/bin/python -m benchmarks.fanout [--seconds 15] [--cameras 10 30 100 300 1000]

The sources are simulated, so that nothing is decoded: frames go to the frame store, tokens and messages through Redis
to a real frames worker, whose detector is a constant that sees one person in every frame, and on to a real events
worker, which follows that person; statuses are written every second, and a real API lists them. Every camera sends the
same number of frames a second at any number of cameras. What an installation without cameras costs is taken off before
the exponent is fitted: cost - cost(0) = a · cameras^b.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import redis

from app.demo.client import ApiClient
from app.ports import free_port
from app.processes import start_child
from app.redis_server import RedisServer
from benchmarks.installation import CAMREC, PASSWORD, log_in
from benchmarks.report import write_report
from benchmarks.simulated import KIND, SimulatedCameras
from core import keys
from core.recognitions import EVENT_QUEUES
from core.redis_client import connect_redis
from core.settings import get_settings
from storage.database import Database
from tests.support.tiny_onnx import write_constant

FPS = 0.25
"""Of each camera: a thousand stay below what two cores can do, and beyond that costs say nothing."""
CAMERAS = (10, 30, 100, 300, 1000)
FIT_FROM = 30
"""Cameras from which on the exponent is fitted: below, costs are lost in what an empty installation costs."""
RESOLUTION = 0.1
"""Of costs: a cost that a few cameras do not add to counts as so much."""
WARM_UP_S = 6.0
BUDGET = 1.1
CALLS = 30
API_CALLS = {
    "api: list of cameras": "/cameras?limit=1000",
    "api: statuses of all cameras": "/cameras/status",
    "api: health": "/health",
    "api: metrics": "/metrics",
}


class Parts:
    """Redis, a frames worker, an events worker and an API."""

    def __init__(self, folder: Path) -> None:
        settings, port = get_settings(), free_port()
        server = RedisServer(settings)
        server.configure()
        with (folder / "log").open("ab") as log:
            self._processes = {"redis": start_child(server.command, output=log)}
            server.wait_until_ready(10)
            Database(settings).migrate()
            use_constant_model(folder, log.fileno())
            for name, words in {
                "frames worker": ["worker", "-Q", KIND],
                "events worker": ["worker", "-Q", ",".join(EVENT_QUEUES)],
                "api": ["api", "--port", str(port)],
            }.items():
                self._processes[name] = start_child([*CAMREC, *words], output=log, death_signal=9)
        self._base = f"http://127.0.0.1:{port}/api/v1"
        self.api = ApiClient(self._base)
        log_in(self.api)
        token = self.api.call("POST", "/auth/token", {"username": "admin", "password": PASSWORD})["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}
        self.redis = connect_redis(settings)
        while self.redis.hlen(keys.WORKERS) < 2:
            time.sleep(0.2)

    def fetch(self, path: str) -> bytes:
        """An answer of the API, whatever its type."""
        request = urllib.request.Request(self._base + path, headers=self._headers)  # noqa: S310  # our own http://
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return bytes(answer.read())

    def cpu_s(self) -> dict[str, float]:
        """Processor time of each part so far; `capture` is this process."""
        used = {"capture": time.process_time()}
        for name, process in self._processes.items():
            root = psutil.Process(process.pid)
            times = [p.cpu_times() for p in (root, *root.children(recursive=True))]
            used[name] = sum(t.user + t.system for t in times)
        return used

    def stop(self) -> None:
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait()


def use_constant_model(folder: Path, log: int) -> None:
    """The detector of falls becomes one that always sees a person who stands."""
    person = np.array([[[10, 2, 14, 16, 0.9, 0]]], np.float32)
    model = write_constant(folder / "constant.onnx", [1, 3, 32, 32], [person])
    add = [
        "models",
        "add",
        str(model),
        "--decoder",
        "end_to_end",
        "--labels",
        "person",
        "--resize",
        "letterbox_top_left",
    ]
    for words in (add, ["models", "use", f"{KIND}.person", "constant"]):
        subprocess.run([*CAMREC, *words], check=True, stdout=log, stderr=log)


@contextmanager
def parts(folder: Path) -> Iterator[Parts]:
    os.environ |= {
        "CAMREC_DATA": str(folder / "data"), "CAMREC_FRAME_DIR": str(folder), "CAMREC_KEEP_FPS": "0",
        "CAMREC_ADMIN_PASSWORD": PASSWORD, "CAMREC_LOG_LEVEL": "WARNING",
    }  # fmt: skip
    get_settings.cache_clear()
    running = Parts(folder)
    try:
        yield running
    finally:
        running.stop()


def measure(running: Parts, cameras: int, seconds: float) -> dict[str, Any]:
    """What each part costs in a second of this many cameras."""
    listed = [
        {"name": f"camera {n:04d}", "url": f"rtsp://127.0.0.1:9/{n}", "recognitions": [{"kind": KIND, "fps": FPS}]}
        for n in range(1, cameras + 1)
    ]
    running.api.call("PUT", "/cameras", {"items": listed})
    simulated = SimulatedCameras(get_settings(), cameras, FPS)
    simulated.run(WARM_UP_S)
    before_s, commands, served = running.cpu_s(), _commands(running.redis), _served(running.redis)
    started_s = time.monotonic()
    sent, late_s = simulated.run(seconds)
    elapsed_s, used_s = time.monotonic() - started_s, running.cpu_s()
    costs = {
        f"{name}: CPU ms a second": 1e3 * (used_s[name] - before_s[name]) / elapsed_s
        for name in used_s
        if name != "api"
    }
    costs["redis: commands a second"] = (_commands(running.redis) - commands) / elapsed_s
    got = _served(running.redis) - served
    costs |= {name: _cpu_ms_of(running, path) for name, path in API_CALLS.items()}
    simulated.stop()
    return {
        "cameras": cameras,
        "frames_sent": sent,
        "frames_served": got,
        "sender_late_s": round(late_s, 3),
        "costs": {name: round(cost, 3) for name, cost in costs.items()},
    }


def _cpu_ms_of(running: Parts, path: str) -> float:
    """Processor time of the API for one call; the kernel counts it in steps of 10 ms."""
    before_s = running.cpu_s()["api"]
    for _ in range(CALLS):
        running.fetch(path)
    return 1e3 * (running.cpu_s()["api"] - before_s) / CALLS


def _commands(client: redis.Redis) -> int:
    info: Any = client.info("stats")
    return int(info["total_commands_processed"])


def _served(client: redis.Redis) -> int:
    counts: Any = client.hvals(keys.SERVED)
    return sum(int(count) for count in counts)


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Cost → exponent b of the number of cameras; 0 for what is not even doubled by all of them."""
    empty, *others = rows
    fitted = [row for row in others if row["cameras"] >= FIT_FROM]
    cameras = np.log([row["cameras"] for row in fitted])
    found = {}
    for name, floor in empty["costs"].items():
        above = np.array([max(row["costs"][name] - floor, RESOLUTION) for row in fitted])
        grows = above[-1] > floor
        found[name] = round(float(np.polyfit(cameras, np.log(above), 1)[0]), 3) if grows else 0.0
    return found


def main() -> None:
    """Measure each number of cameras, write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--cameras", type=int, nargs="+", default=CAMERAS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="camrec-fanout-") as folder, parts(Path(folder)) as running:
        rows = []
        for cameras in (0, *arguments.cameras):
            rows.append(measure(running, cameras, arguments.seconds))
            print(rows[-1], flush=True)
    found = exponents(rows)
    write_report(
        "fanout",
        {
            "frames_a_second_of_each_camera": FPS,
            "rows": rows,
            "exponents": found,
            "worst_exponent": max(found.values()),
            "budget": BUDGET,
        },
    )


if __name__ == "__main__":
    main()
