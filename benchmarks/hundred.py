"""A hundred cameras on one small machine: the whole product, from the stream to the event, with all of them recorded.

.venv/bin/python -m benchmarks.hundred [--cameras 100] [--minutes 10] [--all-moving] [--no-gate] [--soak]

`camrec up` watches RTSP cameras of 640x360, 15 frames/s and a key frame every 2 s; a third of them show somebody who
walks at any time, the others an empty room. Persons are asked once a second of each (`reid`, yolox_nano_416). Measured
while it runs: per camera, what was recognised while it moved (`reached`) and how old frames were when they had become
observations; per process, memory, threads, descriptors and CPU; what became of every frame. The cameras' server runs
on the same cores. A soak is the same for half an hour.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accounts import account, counts
from benchmarks.installation import Installation, installation, playing, write_hall
from benchmarks.observations import ObservationAges
from benchmarks.report import write_report
from benchmarks.sizes import Sizes, cpu_s, growth
from core import keys

CAMERAS, MINUTES, ALL_MOVING_MINUTES, SOAK_MINUTES = 100, 10.0, 3.0, 30.0
"""What docs/performance.md tells of; with less it is a trial, and its report has another name."""
WARM_UP_S = 40.0
LEAST_MOVING_S = 10.0
"""A camera that moved for less says nothing of its rate."""
SIZE_SAMPLES = 90
LEAST_SIZE_INTERVAL_S = 10.0


class Watch:
    """What is reached, second by second."""

    def __init__(self, running: Installation) -> None:
        self._running = running
        self._served: dict[str, int] = {}
        self.moving_s: Counter[int] = Counter()
        self.reached: Counter[int] = Counter()
        self.seconds, self.cameras = 0.0, 0

    def look(self, elapsed_s: float) -> None:
        """Note what was served of each camera that has moved since the last look, too."""
        statuses = {s["camera_id"]: s for s in self._running.api.call("GET", "/cameras/status")["items"]}
        served = {k.decode(): int(v) for k, v in self._running.redis.hgetall(keys.SERVED).items()}  # type: ignore[union-attr]
        self.seconds, self.cameras = self.seconds + elapsed_s, len(statuses)
        for camera_id, status in statuses.items():
            name = f"reid:{camera_id}"
            if status["moving"] and status["motion_at"] is not None and self._served:
                self.moving_s[camera_id] += elapsed_s  # type: ignore[assignment]
                self.reached[camera_id] += served.get(name, 0) - self._served.get(name, 0)
        self._served = served

    def ratios(self) -> list[float]:
        """What each camera that moved reached of the one frame a second that is asked."""
        return [self.reached[c] / s for c, s in self.moving_s.items() if s >= min(LEAST_MOVING_S, self.seconds / 2)]


def measure(running: Installation, minutes: float, server_pid: int) -> dict[str, Any]:
    """Watch what runs already."""
    watch, ages = Watch(running), ObservationAges(running.redis)
    sizes = Sizes(running.process.pid, running.redis, running.database)
    size_interval_s = max(LEAST_SIZE_INTERVAL_S, 60 * minutes / SIZE_SAMPLES)
    ages.start()
    started_s = looked_s = next_size_s = time.monotonic()
    cpu_before_s, server_before_s, before = cpu_s(running.process.pid), cpu_s(server_pid), counts(running)
    while (now_s := time.monotonic()) - started_s < 60 * minutes:
        watch.look(now_s - looked_s)
        looked_s = now_s
        if now_s >= next_size_s:
            next_size_s += size_interval_s
            sizes.sample(now_s - started_s)
        time.sleep(max(0.0, 1.0 - (time.monotonic() - now_s)))
    elapsed_s, after = time.monotonic() - started_s, counts(running)
    ages.stop()
    used, served = cpu_s(running.process.pid), cpu_s(server_pid)
    used.subtract(cpu_before_s)
    served.subtract(server_before_s)
    return {
        "minutes": round(elapsed_s / 60, 2),
        "cores_used": {role: round(s / elapsed_s, 3) for role, s in used.most_common() if s / elapsed_s > 0.005},
        "cores_used_by_the_cameras": round(sum(served.values()) / elapsed_s, 3),
        **reached_figures(watch),
        "frame_age_s": ages.quantiles(),
        "frames": account(before, after, asked=watch.cameras * elapsed_s),
        "recording": recording_states(running),
        "growth": growth(sizes.as_dict()),
        "sizes": sizes.as_dict(),
    }


def reached_figures(watch: Watch) -> dict[str, Any]:
    ratios = watch.ratios()
    quantiles = np.quantile(ratios, [0, 0.1, 0.5, 0.9, 1]) if ratios else [0.0] * 5
    named = zip(("least", "p10", "median", "p90", "most"), quantiles, strict=True)
    return {
        "reached_to_asked_while_moving": {name: round(float(value), 3) for name, value in named},
        "reached_to_asked_of_each": [round(ratio, 3) for ratio in sorted(ratios)],
        "cameras_below_0.9": sum(ratio < 0.9 for ratio in ratios),
        "cameras_that_moved": len(ratios),
        "moving_share": round(sum(watch.moving_s.values()) / watch.seconds / max(1, len(watch.moving_s)), 3),
    }


def recording_states(running: Installation) -> dict[str, int]:
    """How many cameras are in which state of recording."""
    statuses = running.api.call("GET", "/cameras/status")["items"]
    return dict(Counter((status["recording"] or {"state": "not known"})["state"] for status in statuses))


def main() -> None:
    """Run it and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=CAMERAS)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--all-moving", action="store_true")
    parser.add_argument("--no-gate", action="store_true")
    parser.add_argument("--soak", action="store_true")
    arguments = parser.parse_args()
    usual_minutes = SOAK_MINUTES if arguments.soak else ALL_MOVING_MINUTES if arguments.all_moving else MINUTES
    minutes = arguments.minutes or usual_minutes
    with tempfile.TemporaryDirectory(prefix="camrec-hundred-") as temporary:
        folder = Path(temporary)
        clip = folder / "hall.mp4"
        write_hall(clip, is_always_moving=arguments.all_moving)
        with playing(clip, arguments.cameras, folder) as (urls, server), installation(folder) as running:
            running.watch(urls, gate=not arguments.no_gate)
            time.sleep(WARM_UP_S)
            figures = measure(running, minutes, server.pid)
    name = "soak" if arguments.soak else "hundred"
    name += ("_all_moving" if arguments.all_moving else "") + ("_no_gate" if arguments.no_gate else "")
    if arguments.cameras != CAMERAS or minutes < usual_minutes:
        name += "_trial"
    write_report(name, {"cameras": arguments.cameras, **figures})


if __name__ == "__main__":
    main()
