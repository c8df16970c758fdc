"""From the taking of a frame to its observation, at 50, 70 and 90 % of capacity and beyond it.

.venv/bin/python -m benchmarks.latency [--seconds 15] [--cameras 20]

A real frames worker for falls (yolox_nano_416) on all cores; cameras whose frames come at even, shifted times, through
frame store, tokens and Celery. Capacity is the most that is served under three times as much and then, since the
feeder works on the same cores, under a little more than that. Fairness: the spread of what the cameras get beyond
capacity. There every camera's token waits, so that a frame is as old as cameras / capacity.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from app.processes import start_child
from app.redis_server import RedisServer
from benchmarks.observations import ObservationAges
from benchmarks.report import SHARED_DATA, write_report
from capture.dispatcher import Dispatcher
from capture.drops import Drops
from capture.publisher import Publisher
from core import keys
from core.recognitions import RECOGNITIONS
from core.redis_client import connect_redis
from core.settings import get_settings
from core.types import Picture
from inference.catalogue import ModelStore
from inference.recognisers import build_recogniser
from storage.database import Database
from storage.frames.store import open_frame_store
from storage.frames.tokens import Tokens
from tasks.frame_service import instances

FALLS = RECOGNITIONS["falls"]
SHARES = (0.5, 0.7, 0.9, 1.5)
CAPACITY_LOAD, CAPACITY_PASSES = 1.2, 2
WARM_UP_S = 3.0
SIZE = (640, 360)


def pictures(count: int) -> list[Picture]:
    """Of people who walk."""
    with av.open(str(SHARED_DATA / "videos" / "one-by-one-person-detection.mp4")) as container:
        frames = [
            f.to_ndarray(format="bgr24") for _, f in zip(range(40 + count), container.decode(video=0), strict=False)
        ]
    return [np.ascontiguousarray(cv2.resize(frame, SIZE)) for frame in frames[40:]]


class Feeder:
    """Cameras that send frames."""

    def __init__(self, cameras: int) -> None:
        settings = get_settings()
        self.cameras = cameras
        self._store, self.drops = open_frame_store(settings), Drops()
        self._dispatcher = Dispatcher(lambda: Tokens(connect_redis(settings)), Publisher(settings).publish, self.drops)
        self._dispatcher.start()
        self._pictures = pictures(32)
        self.client = connect_redis(settings)

    def run(self, fps: float, seconds: float) -> dict[str, Any]:
        """Frames at this rate, all cameras together; what became of them."""
        self._send(fps, WARM_UP_S)
        before, ages = self._served(), ObservationAges(self.client)
        ages.start()
        started_s = time.monotonic()
        late_s = self._send(fps, seconds)
        elapsed_s = time.monotonic() - started_s
        served = self._served()
        served.subtract(before)
        ages.stop()
        each = [served[f"falls:{camera}"] / elapsed_s for camera in range(1, self.cameras + 1)]
        return {
            "sent_per_s": round(fps, 1),
            "served_per_s": round(sum(each), 1),
            "age_s": ages.quantiles(),
            "served_per_camera": {"least": round(min(each), 3), "most": round(max(each), 3)},
            "sender_late_s": round(late_s, 3),
        }

    def stop(self) -> None:
        """End."""
        self._dispatcher.stop(1.0)
        self._store.close()

    def _send(self, fps: float, seconds: float) -> float:
        """Returns how late the sender was at most: a sender that is late measures itself."""
        started_s, late_s = time.monotonic(), 0.0
        for number in range(round(fps * seconds)):
            due_s = started_s + number / fps
            late_s = max(late_s, time.monotonic() - due_s)
            time.sleep(max(0.0, due_s - time.monotonic()))
            camera = 1 + number % self.cameras
            self._store.write(camera, self._pictures[number % len(self._pictures)], time.time())
            self._dispatcher.offer(FALLS.kind, camera)
        return late_s

    def _served(self) -> Counter[str]:
        found: Any = self.client.hgetall(keys.SERVED)
        return Counter({name.decode(): int(count) for name, count in found.items()})


def capacity_per_s(served_per_s: Callable[[float], float], guess: float) -> float:
    """The most frames a second that are served, whatever comes.

    Args:
        served_per_s: measures what is served of so many frames a second.
        guess: more than can be served.
    """
    capacity = served_per_s(guess)
    for _ in range(CAPACITY_PASSES):
        capacity = max(capacity, served_per_s(CAPACITY_LOAD * capacity))
    return capacity


def bare_batch_s() -> float:
    """The recogniser alone on one frame, one thread: what a batch takes at least."""
    recogniser = build_recogniser(FALLS.kind, ModelStore(get_settings().models_dir), gpu=None, threads=1)
    seen = pictures(8)
    for picture in seen:
        recogniser.recognise([picture])
    times = []
    for picture in seen * 4:
        started_s = time.perf_counter()
        recogniser.recognise([picture])
        times.append(time.perf_counter() - started_s)
    return float(np.median(times))


def main() -> None:
    """Run it and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--cameras", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as frames:
        os.environ.update(CAMREC_DATA=folder, CAMREC_FRAME_DIR=frames, CAMREC_LOG_LEVEL="WARNING", CAMREC_MAX_BATCH="1")
        get_settings.cache_clear()
        models = Path(folder) / "models"
        models.mkdir()
        (models / "yolox_nano_416.onnx").symlink_to(SHARED_DATA / "models" / "yolox_nano_416.onnx")
        batch_s = bare_batch_s()
        server = RedisServer(get_settings())
        server.configure()
        redis_process = start_child(server.command)
        server.wait_until_ready(10)
        Database(get_settings()).migrate()
        process = start_child([sys.executable, "-P", "-m", "app.cli", "worker", "-Q", "falls"])
        feeder = Feeder(arguments.cameras)
        try:
            while not feeder.client.hlen(keys.WORKERS):
                time.sleep(0.2)
            guess = 3 * instances(get_settings()) / batch_s
            capacity = capacity_per_s(lambda fps: feeder.run(fps, arguments.seconds)["served_per_s"], guess)
            runs = {f"{share:.0%}": feeder.run(share * capacity, arguments.seconds) for share in SHARES}
        finally:
            feeder.stop()
            for one in (process, redis_process):
                one.kill()
                one.wait()
    budget_s = 3 * batch_s + 0.06
    write_report(
        "latency",
        {
            "cameras": arguments.cameras,
            "bare_batch_s": round(batch_s, 4),
            "capacity_per_s": capacity,
            "runs": runs,
            "p99_at_70_to_budget": round(runs["70%"]["age_s"]["p99"] / budget_s, 2),
            "served_at_150_to_capacity": round(runs["150%"]["served_per_s"] / capacity, 3),
            "budgets": {"p99_at_70_s": round(budget_s, 3), "served_at_150": 0.95, "p99_at_150_s": 0.2},
        },
    )


if __name__ == "__main__":
    main()
