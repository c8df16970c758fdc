"""Frames a second through the whole way, against the bare loop of ``session.run``, by models and size of batch.

.venv/bin/python -m benchmarks.pipeline [--batches 1 8 32] [--rounds 3] [--seconds 4] [--only reid]

The whole way is a real frames worker whose queue is kept just full: tokens, messages, frame store, batcher, scaling,
models, decoding, pictures for events, observations in Redis. The bare loop replays the very inputs that the recogniser
gives its models, in batches of the same size and in as many threads. They take turns, so that whatever else the machine
does slows both alike. The feeder shares the cores with the worker, the bare loop does not: what a frame costs in
processor time (of the worker and of Redis) is compared, too, and what the feeder takes is told.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import psutil

from app.processes import start_child
from app.redis_server import RedisServer
from benchmarks.feeder import Feeder
from benchmarks.installation import walkers
from benchmarks.plate_models import pictures, store_with_detector
from benchmarks.recognisers import calls_of, run_all
from benchmarks.report import write_report
from core import keys
from core.recognitions import EVENT_SHARDS
from core.redis_client import connect_redis
from core.settings import get_settings
from core.types import Picture
from inference.catalogue import ModelStore
from inference.recognisers import build_recogniser
from inference.roles import role_of
from storage.database import Database

BATCHES = (1, 8, 32)
PICTURES = 64
WARM_UP_S = 2.0
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Subject:
    """Models of a recognition."""

    kind: str
    models: tuple[str, ...]
    """Those that there are, beside what is bundled."""
    chosen: tuple[tuple[str, str], ...] = ()
    """Role and model, where it is not the default."""


SUBJECTS = {
    "persons by yolox_nano_416": Subject("falls", ("yolox_nano_416",)),
    "persons by nanodet_m_320": Subject("falls", ("nanodet_m_320",), (("falls.person", "nanodet_m_320"),)),
    "reid": Subject("reid", ("yolox_nano_416", "person-reid-retail-0248")),
    "plates": Subject("plates", ("hyperlpr_y5fu_320x",)),
}


class Loop:
    """Batches, one after another, and nothing else."""

    def __init__(self, batches: Sequence[Callable[[], object]], size: int, threads: int) -> None:
        """Batches: what is done for each; size: frames in it."""
        self._batches, self._size, self._threads = batches, size, threads

    def turn(self, seconds: float) -> tuple[float, float]:
        """Frames a second, and seconds of processor time a frame."""
        started_s, cpu_s = time.monotonic(), time.process_time()
        with ThreadPoolExecutor(self._threads) as pool:
            frames = sum(pool.map(partial(self._run, started_s + seconds), range(self._threads)))
        return frames / (time.monotonic() - started_s), (time.process_time() - cpu_s) / frames

    def _run(self, end_s: float, first: int) -> int:
        done = 0
        while not done or time.monotonic() < end_s:
            self._batches[(first + done * self._threads) % len(self._batches)]()
            done += 1
        return done * self._size


class WholeWay:
    """A worker whose queue is kept full."""

    def __init__(self, feeder: Feeder, worker_pid: int, redis_pid: int) -> None:
        self._feeder, self._client = feeder, connect_redis(get_settings())
        self._processes = {
            "worker": psutil.Process(worker_pid),
            "redis": psutil.Process(redis_pid),
            "feeder": psutil.Process(feeder.pid),
        }

    def turn(self, seconds: float) -> tuple[float, dict[str, float]]:
        """Observations a second, and seconds of processor time a frame by process."""
        self._feeder.go_on()
        self._wait_for_observation()
        time.sleep(WARM_UP_S)
        self._wait_for_observation()
        started_s, frames, cpu_s = time.monotonic(), -self._observations(), self._cpu_s()
        time.sleep(seconds)
        self._wait_for_observation()
        frames += self._observations()
        elapsed_s, taken_s = time.monotonic() - started_s, self._cpu_s()
        self._feeder.pause()
        self._wait_until_idle()
        return frames / elapsed_s, {name: (taken_s[name] - cpu_s[name]) / frames for name in cpu_s}

    def wait_until_started(self) -> None:
        """The worker has loaded its models."""
        _wait_until(lambda: bool(self._client.hlen(keys.WORKERS)), "The worker does not start.")

    def _observations(self) -> int:
        return sum(int(self._client.xlen(keys.observations(shard))) for shard in range(EVENT_SHARDS))

    def _wait_for_observation(self) -> None:
        """The next one: what is measured from one to another is whole batches, however large they are."""
        before = self._observations()
        _wait_until(lambda: self._observations() > before, "The worker recognises nothing.")

    def _wait_until_idle(self) -> None:
        before = -1
        while (now := self._observations()) != before:
            before = now
            time.sleep(0.5)

    def _cpu_s(self) -> dict[str, float]:
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: t.user + t.system for name, t in times.items()}


def _wait_until(holds: Callable[[], bool], complaint: str) -> None:
    deadline_s = time.monotonic() + START_S
    while not holds():
        if time.monotonic() > deadline_s:
            sys.exit(complaint)
        time.sleep(0.02)


@contextmanager
def whole_way(subject: Subject, seen: list[Picture], size: int, instances: int) -> Iterator[WholeWay]:
    """With Redis and the worker, until the block ends. The settings are in the environment."""
    server = RedisServer(get_settings())
    server.configure()
    redis_process = start_child(server.command, death_signal=9)
    server.wait_until_ready(10)
    Database(get_settings()).migrate()
    # Batches that run, as many that wait, and some on their way; each picture as often as every other, as in the loop.
    cameras = len(seen) * math.ceil(3 * size * instances / len(seen))
    feeder = Feeder(subject.kind, seen, cameras)
    worker = start_child([sys.executable, "-P", "-m", "app.cli", "worker", "-Q", subject.kind], death_signal=9)
    try:
        way = WholeWay(feeder, worker.pid, redis_process.pid)
        way.wait_until_started()
        yield way
    finally:
        feeder.stop()
        for process in (worker, redis_process):
            process.kill()
            process.wait()


def models_of(subject: Subject, all_models: ModelStore, folder: Path) -> ModelStore:
    """A folder that has these and no others."""
    store = ModelStore(folder)
    folder.mkdir()
    for name in subject.models:
        path = all_models.path_of(name)
        (folder / path.name).symlink_to(path)
    for role, name in subject.chosen:
        store.choose(role_of(role), name)
    return store


def measure(subject: Subject, size: int, rounds: int, seconds: float) -> dict[str, Any]:
    """The medians of rounds in which both take turns."""
    instances, all_models = len(os.sched_getaffinity(0)), store_with_detector()
    seen = (list(pictures().values()) if subject.kind == "plates" else walkers(PICTURES))[:PICTURES]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as frames:
        os.environ |= {
            "CAMREC_DATA": folder, "CAMREC_FRAME_DIR": frames, "CAMREC_LOG_LEVEL": "WARNING",
            "CAMREC_MAX_BATCH": str(size), "CAMREC_INSTANCES": str(instances),
            # The last of many full batches is as good as the first: this is not about age.
            "CAMREC_DEADLINE_S": "30",
        }  # fmt: skip
        get_settings.cache_clear()
        store = models_of(subject, all_models, get_settings().models_dir)
        recogniser = build_recogniser(subject.kind, store, gpu=None, threads=1)
        ours = [partial(recogniser.recognise, seen[i : i + size]) for i in range(0, len(seen) - size + 1, size)]
        alone = Loop(ours, size, instances)
        bare = Loop([partial(run_all, calls_of(batch)) for batch in ours], size, instances)
        with whole_way(subject, seen, size, instances) as way:
            turns = [(way.turn(seconds), bare.turn(seconds), alone.turn(seconds / 2)) for _ in range(rounds)]
    return {"models": recogniser.model, **summary(turns)}


Turn = tuple[tuple[float, dict[str, float]], tuple[float, float], tuple[float, float]]
"""Of the whole way, of the bare loop, and of a loop of the recogniser."""


def summary(turns: Sequence[Turn]) -> dict[str, Any]:
    """Medians; ratios are taken within each round."""
    wholes, bares, alones = zip(*turns, strict=True)
    cpu_s = {name: statistics.median(of_each[name] for _, of_each in wholes) for name in wholes[0][1]}
    cpu_s |= {name: statistics.median(s for _, s in loops) for name, loops in (("bare", bares), ("recogniser", alones))}
    return {
        "frames_per_s": round(statistics.median(rate for rate, _ in wholes), 1),
        "bare_frames_per_s": round(statistics.median(rate for rate, _ in bares), 1),
        "ratio": round(statistics.median(w[0] / b[0] for w, b in zip(wholes, bares, strict=True)), 3),
        "cpu_ratio": round(
            statistics.median(b[1] / (w[1]["worker"] + w[1]["redis"]) for w, b in zip(wholes, bares, strict=True)), 3
        ),
        "cpu_ms_per_frame": {name: round(1000 * s, 3) for name, s in cpu_s.items()},
    }


def main() -> None:
    """All models with all sizes of batch, and the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", choices=SUBJECTS, help="measure this one and write no report")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows: dict[str, dict[str, Any]] = {}
    for name in [arguments.only] if arguments.only else SUBJECTS:
        rows[name] = {}
        for size in arguments.batches:
            rows[name][str(size)] = row = measure(SUBJECTS[name], size, arguments.rounds, arguments.seconds)
            print(name, size, row, flush=True)
    if not arguments.only:
        write_report("pipeline", {"subjects": rows})


if __name__ == "__main__":
    main()
