"""What the frame store adds to the bare copy of a picture: writes and reads of 720p frames, in one run."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from benchmarks.report import write_report
from core.settings import Settings, load_settings
from storage.frames.store import open_frame_store

ROUNDS = 300
CAMERA = 1


def median_times_us(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Median time of each call; they take turns, so that whatever else the machine does slows all of them alike."""
    times_us: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start_s = time.perf_counter()
            call()
            times_us[name].append((time.perf_counter() - start_s) * 1e6)
    return {name: statistics.median(values) for name, values in times_us.items()}


def main() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    ring = np.zeros((4, *pixels.shape), np.uint8)
    turn = itertools.count()
    with tempfile.TemporaryDirectory(dir=load_settings({}).frame_dir) as folder:
        store = open_frame_store(Settings.model_validate({"data": Path(folder), "frame_dir": Path(folder)}))
        store.write(CAMERA, pixels, time.time())
        times_us = median_times_us(
            {
                "bare copy into 4 buffers in turn": lambda: np.copyto(ring[next(turn) % 4], pixels),
                "write": lambda: store.write(CAMERA, pixels, time.time()),
                "bare copy out": ring[0].copy,
                "read": lambda: store.newest(CAMERA),
            }
        )
    write_report(
        "frame_store",
        {
            "median_us": {name: round(value, 1) for name, value in times_us.items()},
            "write_ratio": round(times_us["write"] / times_us["bare copy into 4 buffers in turn"], 2),
            "read_ratio": round(times_us["read"] / times_us["bare copy out"], 2),
        },
    )


if __name__ == "__main__":
    main()
