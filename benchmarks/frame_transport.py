"""What a frame costs on its way from capture to a worker: through shared memory, and as JPEG through a Redis.

.venv/bin/python -m benchmarks.frame_transport

Wall and CPU time of one write and one read of pictures of a street, both transports in turn, and the CPU time of the
Redis server for both. A bare encoding and decoding of the same pictures stands beside them: what is left is Redis.
"""

from __future__ import annotations

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil

from app.processes import start_child
from app.redis_server import RedisServer
from benchmarks.report import SHARED_DATA, write_report
from core.settings import Settings, load_settings
from core.types import Picture
from storage.frames.jpeg_frame import JPEG_QUALITY
from storage.frames.store import FrameStore, open_frame_store
from storage.media import decode_jpeg, encode_jpeg

ROUNDS = 400
PICTURES = 20
SIZES = ((640, 360), (1280, 720))
CAMERA = 1


@dataclass(slots=True)
class Cost:
    """Of many calls."""

    wall_ms: list[float]
    cpu_ms: float = 0.0

    def add(self, call: Callable[[], object]) -> None:
        """One more."""
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        call()
        self.cpu_ms += (time.process_time() - cpu_s) * 1e3
        self.wall_ms.append((time.perf_counter() - wall_s) * 1e3)

    def figures(self) -> dict[str, float]:
        """Of one call."""
        ordered = sorted(self.wall_ms)
        return {
            "median_ms": round(statistics.median(ordered), 3),
            "p99_ms": round(ordered[int(0.99 * len(ordered))], 3),
            "cpu_ms": round(self.cpu_ms / len(ordered), 3),
        }


def pictures(size: tuple[int, int]) -> list[Picture]:
    """Of a road."""
    with av.open(str(SHARED_DATA / "videos" / "car-detection.mp4")) as container:
        frames = itertools.islice(container.decode(video=0), 0, 10 * PICTURES, 10)
        scaled = [cv2.resize(frame.to_ndarray(format="bgr24"), size, interpolation=cv2.INTER_AREA) for frame in frames]
    return [np.ascontiguousarray(picture, np.uint8) for picture in scaled]


def measure(stores: dict[str, FrameStore], server: psutil.Process, size: tuple[int, int]) -> dict[str, Any]:
    """All calls take turns, so that whatever else the machine does slows all of them alike."""
    shown = pictures(size)
    jpegs = [encode_jpeg(picture, JPEG_QUALITY) for picture in shown]
    names = ("shm write", "shm read", "redis write", "redis read", "bare encode", "bare decode")
    costs = {name: Cost([]) for name in names}
    server_cpu_s = sum(server.cpu_times()[:2])
    for number in range(ROUNDS):
        picture, jpeg = shown[number % len(shown)], jpegs[number % len(shown)]
        for name, store in stores.items():
            costs[f"{name} write"].add(lambda: store.write(CAMERA, picture, time.time()))  # noqa: B023 - called at once
            costs[f"{name} read"].add(lambda: store.newest(CAMERA))  # noqa: B023
        costs["bare encode"].add(lambda: encode_jpeg(picture, JPEG_QUALITY))  # noqa: B023
        costs["bare decode"].add(lambda: decode_jpeg(jpeg))  # noqa: B023
    server_cpu_ms = (sum(server.cpu_times()[:2]) - server_cpu_s) * 1e3 / ROUNDS
    cpu_ms = {name: cost.cpu_ms / ROUNDS for name, cost in costs.items()}
    redis_ms = cpu_ms["redis write"] + cpu_ms["redis read"] + server_cpu_ms
    return {
        "calls": {name: cost.figures() for name, cost in costs.items()},
        "redis_server_cpu_ms": round(server_cpu_ms, 3),
        "jpeg_bytes": round(statistics.mean(map(len, jpegs))),
        "pixel_bytes": shown[0].nbytes,
        "cpu_ms_per_frame": {"shm": round(cpu_ms["shm write"] + cpu_ms["shm read"], 3), "redis": round(redis_ms, 3)},
        "redis_to_shm": round(redis_ms / (cpu_ms["shm write"] + cpu_ms["shm read"]), 1),
        "redis_to_bare_codec": round(redis_ms / (cpu_ms["bare encode"] + cpu_ms["bare decode"]), 2),
    }


def settings_of(transport: str, folder: str) -> Settings:
    """Of an installation in a folder in memory."""
    environ = {"CAMREC_DATA": folder, "CAMREC_FRAME_DIR": folder, "CAMREC_FRAME_TRANSPORT": transport}
    return load_settings(environ, env_file=Path(folder) / "no.env")


def main() -> None:
    """Run it and write the report."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(dir=load_settings({}).frame_dir) as folder:
        redis_server = RedisServer(settings_of("redis", folder))
        redis_server.configure()
        config = Path(folder) / "redis" / "redis.conf"
        config.write_text(config.read_text().replace("appendonly yes", "appendonly no"))  # as a Redis of frames should
        process = start_child(redis_server.command)
        stores = {name: open_frame_store(settings_of(name, folder)) for name in ("shm", "redis")}
        try:
            redis_server.wait_until_ready(10)
            server = psutil.Process(process.pid)
            figures = {f"{width}x{height}": measure(stores, server, (width, height)) for width, height in SIZES}
        finally:
            for store in stores.values():
                store.close()
            process.kill()
            process.wait()
    write_report("frame_transport", {"jpeg_quality": JPEG_QUALITY, "load": os.getloadavg()[0], **figures})


if __name__ == "__main__":
    main()
