"""A hundred cameras on one small machine: the whole product, from the stream to the event, with all of them recorded.

.venv/bin/python -m benchmarks.hundred [--cameras 100] [--minutes 10] [--all-moving] [--no-gate]

`camrec up` watches RTSP cameras of 640x360, 15 frames/s and a key frame every 2 s; a third of them show somebody who
walks at any time, the others an empty room. Persons are asked once a second of each (`reid`, yolox_nano_416). Measured
while it runs: per camera, what was recognised while it moved (`reached`) and how old frames were when they had become
observations; for the whole, memory, threads, descriptors, CPU and drops by cause. The cameras' server runs on the same
cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil
import redis

from app.demo.client import ApiClient, ApiError
from app.demo.footage import write_video
from app.ports import free_port
from app.processes import start_child
from benchmarks.observations import ObservationAges
from benchmarks.report import SHARED_DATA, write_report
from core import keys
from core.types import Picture

FPS, SIZE, GOP_S = 15, (640, 360), 2.0
MOVING_S, LOOP_S = 20, 60
"""Of each loop of the footage; cameras are spread over it, so that a third of them moves at any time."""
WARM_UP_S = 40.0
PASSWORD = "for-this-benchmark-only"  # noqa: S105  # of an installation that ends with it
CAMREC = [sys.executable, "-P", "-m", "app.cli"]


def footage(is_always_moving: bool) -> Iterator[Picture]:
    """People who walk through a hall, then the empty hall, with the noise of a camera."""
    path = SHARED_DATA / "videos" / "one-by-one-person-detection.mp4"
    with av.open(str(path)) as container:
        seen = [
            cv2.resize(frame.to_ndarray(format="bgr24"), SIZE)
            for _, frame in zip(range(MOVING_S * 10 + 40), container.decode(video=0), strict=False)
        ]
    empty, walkers = seen[0], seen[40:]
    rng = np.random.default_rng(0)
    grain = [rng.normal(0, 2, empty.shape) for _ in range(7)]
    for number in range(LOOP_S * FPS):
        is_moving = is_always_moving or number < MOVING_S * FPS
        picture = walkers[number * 10 // FPS % len(walkers)] if is_moving else empty
        yield np.clip(picture + grain[number % len(grain)], 0, 255).astype(np.uint8)


class Installation:
    """`camrec up`, and a server of cameras, until the block ends."""

    def __init__(self, folder: Path, clip: Path, cameras: int) -> None:
        port, self._log = free_port(), (folder / "log").open("wb")
        copies = ["serve-rtsp", str(clip), "--port", str(port), "--copies", str(cameras)]
        self.server = start_child([*CAMREC, *copies], cwd=folder, output=self._log, death_signal=9)
        self.urls = [f"rtsp://127.0.0.1:{port}/{clip.stem}-{n}" for n in range(1, cameras + 1)]
        self._data, api_port = folder / "data", free_port()
        up = ["up", "--data", str(self._data), "--port", str(api_port)]
        self.process = start_child([*CAMREC, *up], cwd=folder, output=self._log, death_signal=9)
        self.api = ApiClient(f"http://127.0.0.1:{api_port}/api/v1")

    def wait(self) -> None:
        """Until the API answers and Redis can be looked into."""
        deadline_s = time.monotonic() + 90
        while True:
            try:
                self.api.log_in("admin", PASSWORD)
                break
            except ApiError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.5)
        self.redis = redis.Redis.from_url((self._data / "run" / "redis.url").read_text().strip())

    def end(self) -> None:
        """Stop everything."""
        for process in (self.process, self.server):
            process.terminate()
        for process in (self.process, self.server):
            process.wait(30)
        self._log.close()


@contextmanager
def installation(clip: Path, cameras: int, folder: Path) -> Iterator[Installation]:
    os.environ |= {
        "CAMREC_DATA": str(folder / "data"),
        "CAMREC_ADMIN_PASSWORD": PASSWORD,
        "CAMREC_KEEP_FPS": "0",
    }
    pull = [*CAMREC, "models", "pull", "--from", str(SHARED_DATA / "models")]
    start_child(pull, cwd=folder, output=(folder / "pull.log").open("wb"), death_signal=9).wait(60)
    running = Installation(folder, clip, cameras)
    try:
        running.wait()
        yield running
    finally:
        running.end()


class Watch:
    """What happens, second by second."""

    def __init__(self, running: Installation) -> None:
        self._running = running
        self._served: dict[str, int] = {}
        self.moving_s: Counter[int] = Counter()
        self.reached: Counter[int] = Counter()
        self.seconds = 0.0
        self.sizes: list[dict[str, float]] = []

    def look(self, elapsed_s: float) -> None:
        """Note what was served of each camera that has moved since the last look, too."""
        statuses = {s["camera_id"]: s for s in self._running.api.call("GET", "/cameras/status")["items"]}
        served = {k.decode(): int(v) for k, v in self._running.redis.hgetall(keys.SERVED).items()}  # type: ignore[union-attr]
        self.seconds += elapsed_s
        for camera_id, status in statuses.items():
            name = f"reid:{camera_id}"
            if status["moving"] and status["motion_at"] is not None and self._served:
                self.moving_s[camera_id] += elapsed_s  # type: ignore[assignment]
                self.reached[camera_id] += served.get(name, 0) - self._served.get(name, 0)
        self._served = served

    def weigh(self, at_s: float) -> None:
        """Memory and such of all processes."""
        root = psutil.Process(self._running.process.pid)
        family = [root, *root.children(recursive=True)]
        info: Any = self._running.redis.info("memory")
        figures = {"at_s": round(at_s), "redis_mb": info["used_memory"] / 1e6}
        for process in family:
            try:
                figures["rss_mb"] = figures.get("rss_mb", 0) + process.memory_full_info().uss / 1e6
                figures["threads"] = figures.get("threads", 0) + process.num_threads()
                figures["descriptors"] = figures.get("descriptors", 0) + process.num_fds()
            except psutil.NoSuchProcess:
                continue
        self.sizes.append({name: round(value, 1) for name, value in figures.items()})


def cpu_s(pid: int) -> Counter[str]:
    """Seconds of processor time by what a process does."""
    root, used = psutil.Process(pid), Counter[str]()
    for process in (root, *root.children(recursive=True)):
        used[_role(process)] += process.cpu_times().user + process.cpu_times().system  # type: ignore[assignment]
    return used


def _role(process: psutil.Process) -> str:
    words = process.cmdline()
    if "redis" in words[0]:
        return "redis"
    known = ("capture", "worker", "api", "beat", "up", "serve-rtsp", "flower")
    name = next((word for word in words if word in known), "capture" if "spawn_main" in " ".join(words) else "other")
    return " ".join([name, *(words[words.index("-Q") + 1 :][:1] if "-Q" in words else [])])


def measure(running: Installation, minutes: float, cameras: int, gate: bool) -> dict[str, Any]:
    recognitions = [{"kind": "reid", "fps": 1}]
    wanted = [
        {
            "name": f"camera {n:03d}",
            "url": url,
            "recognitions": recognitions,
            "recording": {"mode": "continuous"},
            "motion_gate": gate,
        }
        for n, url in enumerate(running.urls, start=1)
    ]
    running.api.call("PUT", "/cameras", {"items": wanted})
    time.sleep(WARM_UP_S)
    watch, ages = Watch(running), ObservationAges(running.redis)
    ages.start()
    started_s = looked_s = time.monotonic()
    cpu_before_s, server_before_s = cpu_s(running.process.pid), cpu_s(running.server.pid)
    while (now_s := time.monotonic()) - started_s < 60 * minutes:
        watch.look(now_s - looked_s)
        looked_s = now_s
        if not watch.sizes or now_s - started_s - watch.sizes[-1]["at_s"] >= 10:
            watch.weigh(now_s - started_s)
        time.sleep(max(0.0, 1.0 - (time.monotonic() - now_s)))
    elapsed_s = time.monotonic() - started_s
    ages.stop()
    used, served = cpu_s(running.process.pid), cpu_s(running.server.pid)
    used.subtract(cpu_before_s)
    served.subtract(server_before_s)
    return {
        "cameras": cameras,
        "minutes": round(elapsed_s / 60, 2),
        "cores_used": {role: round(s / elapsed_s, 3) for role, s in used.most_common() if s / elapsed_s > 0.005},
        "cores_used_by_the_cameras": round(sum(served.values()) / elapsed_s, 3),
        **reached_figures(watch),
        "frame_age_s": ages.quantiles(),
        **loss_figures(running),
        "first": watch.sizes[0],
        "last": watch.sizes[-1],
        "sizes": watch.sizes,
    }


def reached_figures(watch: Watch) -> dict[str, Any]:
    ratios = [watch.reached[c] / watch.moving_s[c] for c in watch.moving_s if watch.moving_s[c] >= 10]
    quantiles = np.quantile(ratios, [0, 0.1, 0.5, 0.9, 1]) if ratios else [0.0] * 5
    named = zip(("least", "p10", "median", "p90", "most"), quantiles, strict=True)
    return {
        "reached_to_asked_while_moving": {name: round(float(value), 3) for name, value in named},
        "cameras_below_0.9": sum(ratio < 0.9 for ratio in ratios),
        "cameras_that_moved": len(ratios),
        "moving_share": round(sum(watch.moving_s.values()) / watch.seconds / max(1, len(watch.moving_s)), 3),
    }


def loss_figures(running: Installation) -> dict[str, Any]:
    drops: Counter[str] = Counter()
    recorded: dict[str, int] = defaultdict(int)
    for status in running.api.call("GET", "/cameras/status")["items"]:
        drops.update(status["drops"])
        recorded[status["recording"]["state"]] += 1
    workers = {k.decode(): int(v) for k, v in running.redis.hgetall(keys.WORKER_DROPS).items()}  # type: ignore[union-attr]
    for name, count in workers.items():
        drops[f"worker:{name.rpartition(':')[2]}"] += count
    return {"drops": dict(drops), "recording": dict(recorded)}


def main() -> None:
    """Run it and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--all-moving", action="store_true")
    parser.add_argument("--no-gate", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="camrec-hundred-") as temporary:
        folder = Path(temporary)
        clip = folder / "hall.mp4"
        write_video(clip, footage(arguments.all_moving), FPS, gop_s=GOP_S)
        with installation(clip, arguments.cameras, folder) as running:
            figures = measure(running, arguments.minutes, arguments.cameras, not arguments.no_gate)
    name = "hundred" + ("_all_moving" if arguments.all_moving else "") + ("_no_gate" if arguments.no_gate else "")
    sizes = figures.pop("sizes")
    print(json.dumps(sizes[:3]))
    write_report(name, {**figures, "sizes": sizes})


if __name__ == "__main__":
    main()
