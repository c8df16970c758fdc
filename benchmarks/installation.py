"""`camrec up` and a server of cameras, as the benchmarks of the whole product need them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import redis

from app.demo.client import ApiClient, ApiError
from app.demo.footage import write_video
from app.ports import free_port
from app.processes import start_child
from benchmarks.report import SHARED_DATA
from core.types import Picture

FPS, SIZE, GOP_S = 15, (640, 360), 2.0
MOVING_S, LOOP_S = 20, 60
"""Of each loop of the footage; cameras are spread over it, so that a third of them moves at any time."""
EMPTY = 40
"""The first pictures of the footage, in which nobody is."""
PASSWORD = "for-this-benchmark-only"  # noqa: S105  # of an installation that ends with it
CAMREC = [sys.executable, "-P", "-m", "app.cli"]


def write_hall(path: Path, *, is_always_moving: bool) -> None:
    """What the cameras show: 640x360, 15 frames/s, a key frame every 2 s."""
    write_video(path, _hall(is_always_moving), FPS, gop_s=GOP_S)


def _hall(is_always_moving: bool) -> Iterator[Picture]:
    """People who walk through a hall, then the empty hall, with the noise of a camera."""
    empty, walking = _seen(1)[0], walkers(MOVING_S * 10)
    rng = np.random.default_rng(0)
    grain = [rng.normal(0, 2, empty.shape) for _ in range(7)]
    for number in range(LOOP_S * FPS):
        is_moving = is_always_moving or number < MOVING_S * FPS
        picture = walking[number * 10 // FPS % len(walking)] if is_moving else empty
        yield np.clip(picture + grain[number % len(grain)], 0, 255).astype(np.uint8)


def walkers(count: int) -> list[Picture]:
    """Pictures of people who walk through a hall, ten a second."""
    return _seen(EMPTY + count)[EMPTY:]


def _seen(count: int) -> list[Picture]:
    path = SHARED_DATA / "videos" / "one-by-one-person-detection.mp4"
    with av.open(str(path)) as container:
        frames = zip(range(count), container.decode(video=0), strict=False)
        return [cv2.resize(f.to_ndarray(format="bgr24"), SIZE).astype(np.uint8, copy=False) for _, f in frames]


@contextmanager
def playing(clip: Path, cameras: int, folder: Path) -> Iterator[tuple[list[str], subprocess.Popen[bytes]]]:
    """As many RTSP cameras that show the clip, phase-shifted; their URLs, and the process that serves them."""
    port = free_port()
    command = ["serve-rtsp", str(clip), "--port", str(port), "--copies", str(cameras)]
    with (folder / "cameras.log").open("wb") as log:
        process = start_child([*CAMREC, *command], cwd=folder, output=log, death_signal=9)
        try:
            yield [f"rtsp://127.0.0.1:{port}/{clip.stem}-{n}" for n in range(1, cameras + 1)], process
        finally:
            process.terminate()
            process.wait(30)


class Installation:
    """`camrec up` on a data folder of its own."""

    def __init__(self, data: Path, process: subprocess.Popen[bytes], api: ApiClient) -> None:
        self.process, self.api, self.database = process, api, data / "camrec.db"
        url = (data / "run" / "redis.url").read_text().strip()
        self.redis = redis.Redis.from_url(url)

    def watch(self, urls: list[str], *, kind: str = "reid", gate: bool = True) -> None:
        """These cameras and no others: persons once a second, all recorded."""
        settings = {
            "recognitions": [{"kind": kind, "fps": 1}],
            "recording": {"mode": "continuous"},
            "motion_gate": gate,
        }
        cameras = [{"name": f"camera {n:03d}", "url": url, **settings} for n, url in enumerate(urls, start=1)]
        self.api.call("PUT", "/cameras", {"items": cameras})


@contextmanager
def installation(folder: Path, models: Sequence[str] = ()) -> Iterator[Installation]:
    """With these models of the shared data, or all, until the block ends; its logs are in `folder`."""
    os.environ |= {"CAMREC_DATA": str(folder / "data"), "CAMREC_ADMIN_PASSWORD": PASSWORD, "CAMREC_KEEP_FPS": "0"}
    port = free_port()
    pull = [*CAMREC, "models", "pull", "--from", str(SHARED_DATA / "models"), *models]
    with (folder / "log").open("wb") as log:
        start_child(pull, cwd=folder, output=log, death_signal=9).wait(60)
        up = [*CAMREC, "up", "--data", str(folder / "data"), "--port", str(port)]
        process = start_child(up, cwd=folder, output=log, death_signal=9)
        try:
            api = ApiClient(f"http://127.0.0.1:{port}/api/v1")
            log_in(api)
            yield Installation(folder / "data", process, api)
        finally:
            process.terminate()
            process.wait(30)


def log_in(api: ApiClient) -> None:
    """As the administrator, once the API answers."""
    deadline_s = time.monotonic() + 90
    while True:
        try:
            return api.log_in("admin", PASSWORD)
        except ApiError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.5)
