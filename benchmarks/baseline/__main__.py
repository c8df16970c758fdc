"""How many cameras the usual way holds, and how many camrec does, on the same cores with the same model.

.venv/bin/python -m benchmarks.baseline [--seconds 12]

Both watch the same RTSP cameras (640x360, 15 frames/s) on which people walk all the time. A number of cameras is held
where every one of them reaches 0.9 of what is asked, one recognition a second, and p99 of the age of a frame, when its
result is there, is below 5 s. Found by doubling and then halving the distance, a quarter of an hour for all. The usual
way is tried with a model call for every frame, too: then all 15 a second are asked. camrec records all cameras
meanwhile, the other does not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import redis

from app.processes import start_child
from benchmarks.accounts import NOT_TAKEN
from benchmarks.installation import FPS, Installation, installation, playing, write_hall
from benchmarks.observations import ObservationAges
from benchmarks.report import RESULTS, ROOT, SHARED_DATA, write_report
from core import keys
from tests.support.redis_process import RedisProcess

MODEL, KIND = "yolox_nano_416", "falls"
"""The kind of recognition that asks this model for persons, and where it has no other, nothing else."""
MOST_CAMERAS = 160
LEAST_REACHED, MOST_AGE_S = 0.9, 5.0
SETTLE_S = 8.0
START_S, START_S_A_CAMERA = 60.0, 4.0
"""In which all cameras must have given a frame, the larger of both: OpenCV opens one stream at a time, in up to 3 s."""
PRECISION = 0.1
"""The search ends where the answer is known to this share."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a number of cameras reached of what was asked."""

    cameras: int
    least_reached: float
    mean_reached: float
    age_p99_s: float

    @property
    def holds(self) -> bool:
        return holds(self.least_reached, self.age_p99_s)


def holds(least_reached: float, age_p99_s: float) -> bool:
    """Whether cameras that reach this share of what is asked, so late, are held."""
    return least_reached >= LEAST_REACHED and age_p99_s < MOST_AGE_S


def search(trial: Callable[[int], Trial], start: int) -> tuple[int, list[Trial]]:
    """The most cameras that are held, and all that was tried."""
    held, failed, trials = 0, MOST_CAMERAS + 1, []
    cameras = start
    while True:
        result = trial(cameras)
        trials.append(result)
        print(json.dumps({**asdict(result), "holds": result.holds}), flush=True)
        if result.holds:
            held = cameras
        else:
            failed = cameras
        if failed - held <= max(1, PRECISION * held):
            return held, trials
        cameras = min(2 * held, MOST_CAMERAS) if failed > MOST_CAMERAS and held < MOST_CAMERAS else (held + failed) // 2


def figures_of(cameras: int, counts: Counter[int], ages_s: list[float], asked: float) -> Trial:
    """Counts: camera → recognitions; asked: of each camera."""
    reached = [count / asked for count in counts.values()] + [0.0] * (cameras - len(counts))
    age_s = float(np.quantile(ages_s, 0.99)) if ages_s else float("inf")
    return Trial(cameras, round(min(reached), 3), round(sum(reached) / cameras, 3), round(age_s, 2))


class Usual:
    """The usual way, anew for each number of cameras."""

    def __init__(self, folder: Path, urls: list[str], seconds: float, frames_per_call: int) -> None:
        self._folder, self._urls, self._seconds, self._frames_per_call = folder, urls, seconds, frames_per_call

    def trial(self, cameras: int) -> Trial:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder, RedisProcess(Path(folder)) as server:
            client = redis.Redis.from_url(server.url)
            with self._running(server.url, self._urls[:cameras]):
                wait_for(lambda: len(client.keys("latest:*")) == cameras, cameras)
                time.sleep(SETTLE_S)
                client.delete("results")
                started_s = time.time()
                time.sleep(self._seconds)
                results: Any = [json.loads(line) for line in client.lrange("results", 0, -1)]
                counts = Counter(camera for camera, _, _ in results)
                asked = (time.time() - started_s) * FPS / self._frames_per_call
                return figures_of(cameras, counts, [done - sent for _, sent, done in results], asked)

    @contextmanager
    def _running(self, url: str, cameras: list[str]) -> Iterator[None]:
        model = str(SHARED_DATA / "models" / f"{MODEL}.onnx")
        commands = [["capture", url, str(self._frames_per_call), *cameras]]
        commands += [["worker", url, model]] * len(os.sched_getaffinity(0))
        with (self._folder / "baseline.log").open("ab") as log:
            processes = [
                start_child(
                    [sys.executable, "-m", f"benchmarks.baseline.{name}", *arguments],
                    cwd=ROOT, output=log, death_signal=9,
                )
                for name, *arguments in commands
            ]  # fmt: skip
            try:
                yield
            finally:
                for process in processes:
                    process.kill()
                    process.wait()


class Ours:
    """One installation, whose cameras change."""

    def __init__(self, running: Installation, urls: list[str], seconds: float) -> None:
        self._running, self._urls, self._seconds = running, urls, seconds

    def trial(self, cameras: int) -> Trial:
        self._running.watch(self._urls[:cameras], kind=KIND)
        wait_for(lambda: self._streaming() == cameras, cameras)
        time.sleep(SETTLE_S)
        ages, before = ObservationAges(self._running.redis), self._served()
        ages.start()
        started_s = time.monotonic()
        time.sleep(self._seconds)
        elapsed_s, counts = time.monotonic() - started_s, self._served()
        ages.stop()
        counts.subtract(before)
        watched = [camera for camera in counts if counts[camera]]
        return figures_of(cameras, Counter({c: counts[c] for c in watched}), ages.ages_s, elapsed_s)  # one a second

    def _streaming(self) -> int:
        statuses = self._running.api.call("GET", "/cameras/status")["items"]
        return sum(status["state"] == "streaming" for status in statuses)

    def _served(self) -> Counter[int]:
        """Camera → frames that were recognised; those that a worker took and dropped were not."""
        served: Any = self._running.redis.hgetall(keys.SERVED)
        found = Counter({int(name.rpartition(b":")[2]): int(count) for name, count in served.items()})
        drops: Any = self._running.redis.hgetall(keys.WORKER_DROPS)
        for name, count in drops.items():
            _, camera_id, cause = name.decode().split(":")
            if f"worker:{cause}" not in NOT_TAKEN:
                found[int(camera_id)] -= int(count)
        return found


def wait_for(condition: Callable[[], bool], cameras: int) -> None:
    """Or go on without: a camera that gives nothing then counts as not held."""
    deadline_s = time.monotonic() + max(START_S, START_S_A_CAMERA * cameras)
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.5)


def third_moving() -> tuple[int, str]:
    """How many cameras `hundred` held with a third of them moving, by its report, and the commit of that."""
    path = RESULTS / "hundred.json"
    if not path.is_file():
        return 0, "none: it has not run"
    report = json.loads(path.read_text("utf-8"))
    figures = report["figures"]
    is_held = holds(figures["reached_to_asked_while_moving"]["least"], figures["frame_age_s"]["p99"])
    return figures["cameras"] if is_held else 0, report["commit"]


def main() -> None:
    """Search for all, write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=12.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="camrec-baseline-") as temporary:
        folder = Path(temporary)
        clip = folder / "hall.mp4"
        write_hall(clip, is_always_moving=True)
        with playing(clip, MOST_CAMERAS, folder) as (urls, _):
            usual, usual_trials = search(Usual(folder, urls, seconds, FPS).trial, 16)
            every, every_trials = search(Usual(folder, urls, seconds, 1).trial, 4)
            with installation(folder, [MODEL]) as running:
                ours, our_trials = search(Ours(running, urls, seconds).trial, 64)
    a_third, a_third_commit = third_moving()
    write_report(
        "baseline",
        {
            "held": LEAST_REACHED,
            "usual_way": usual,
            "usual_way_every_frame_to_the_model": every,
            "camrec_all_moving": ours,
            "camrec_a_third_moving": a_third,
            "camrec_a_third_moving_commit": a_third_commit,
            "trials": {
                name: [asdict(trial) for trial in trials]
                for name, trials in (("usual", usual_trials), ("every_frame", every_trials), ("camrec", our_trials))
            },
        },
    )


if __name__ == "__main__":
    main()
