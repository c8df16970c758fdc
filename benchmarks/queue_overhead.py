"""What the way through tokens, Redis and Celery costs a frame, beside the recognition itself.

A real frames worker, whose recogniser sees nothing and takes no time, is fed by capture's own dispatcher as fast as it
takes frames. Reported: frames a second, and CPU-ms a frame of every process on the way, as a ratio to one run of the
plate models on a picture of a car.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from itertools import islice
from typing import Any

import numpy as np
import psutil
import redis

from app.processes import start_child
from app.redis_server import RedisServer
from benchmarks.plate_models import pictures, store_with_detector
from benchmarks.report import write_report
from capture.dispatcher import Dispatcher
from capture.drops import Drops
from capture.publisher import Publisher
from core import keys
from core.recognitions import RECOGNITIONS
from core.redis_client import connect_redis
from core.settings import Settings, get_settings
from inference.recognisers import build_recogniser
from storage.frames.store import FrameStore, open_frame_store
from storage.frames.tokens import Tokens

CAMERAS = 40
WARM_UP_S = 2.0
MEASURED_S = 8.0
PICTURES = 16
PLATES = RECOGNITIONS["plates"]

_SEES_NOTHING = """
from unittest import mock

class SeesNothing:
    model = "nothing"
    def describe(self): return "sees nothing"
    def warm_up(self): pass
    def recognise(self, pictures): return [() for _ in pictures]

mock.patch("tasks.frame_service.build_recogniser", lambda *args, **options: SeesNothing()).start()
from app.cli import main
main()
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as frames:
        os.environ.update(CAMREC_DATA=folder, CAMREC_FRAME_DIR=frames, CAMREC_LOG_LEVEL="WARNING")
        get_settings.cache_clear()
        settings = get_settings()
        server = RedisServer(settings)
        server.configure()
        redis_process = start_child(server.command)
        server.wait_until_ready(10)
        worker = start_child([sys.executable, "-P", "-c", _SEES_NOTHING, "worker", "-Q", PLATES.queue])
        try:
            write_report("queue_overhead", measure(settings, [redis_process.pid, worker.pid, os.getpid()]))
        finally:
            worker.kill()
            redis_process.terminate()
            worker.wait()
            redis_process.wait()


def measure(settings: Settings, pids: list[int]) -> dict[str, float]:
    client, store = connect_redis(settings), open_frame_store(settings)
    picture = np.random.default_rng(0).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    dispatcher = Dispatcher(lambda: Tokens(client), Publisher(settings).publish, Drops())
    dispatcher.start()
    stop = threading.Event()
    feeder = threading.Thread(target=feed, args=(store, dispatcher, picture, stop))
    feeder.start()
    while not served(client):
        time.sleep(0.1)
    time.sleep(WARM_UP_S)
    before, cpu_before, start = served(client), cpu_s(pids), time.monotonic()
    time.sleep(MEASURED_S)
    frames, cpu, wall = served(client) - before, cpu_s(pids) - cpu_before, time.monotonic() - start
    stop.set()
    feeder.join()
    dispatcher.stop(5)
    cpu_ms = 1000 * cpu / frames
    model_ms = plates_ms()
    return {
        "frames_per_s": round(frames / wall, 1),
        "cpu_ms_per_frame": round(cpu_ms, 3),
        "plates_ms_per_frame": round(model_ms, 2),
        "overhead_ratio": round(cpu_ms / model_ms, 4),
    }


def feed(store: FrameStore, dispatcher: Dispatcher, picture: np.ndarray, stop: threading.Event) -> None:
    """A new frame for each camera, about 100 times a second: more than the worker takes."""
    while not stop.wait(0.01):
        for camera_id in range(1, CAMERAS + 1):
            store.write(camera_id, picture, time.time())
            dispatcher.offer(PLATES.kind, camera_id)


def served(client: redis.Redis) -> int:
    counts: Any = client.hgetall(keys.SERVED)
    return sum(int(n) for n in counts.values())


def cpu_s(pids: list[int]) -> float:
    return sum(t.user + t.system for t in (psutil.Process(pid).cpu_times() for pid in pids))


def plates_ms() -> float:
    """CPU-ms of the plate recognition, with its detector, on a picture of a car; one thread."""
    recogniser = build_recogniser(PLATES.kind, store_with_detector(), gpu=None, threads=1)
    recogniser.warm_up()
    seen = list(islice(pictures().values(), PICTURES))
    start = time.process_time()
    for picture in seen:
        recogniser.recognise([picture])
    return 1000 * (time.process_time() - start) / len(seen)


if __name__ == "__main__":
    main()
