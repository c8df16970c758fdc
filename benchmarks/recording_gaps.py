"""Whether a recording of many cameras has every picture: all of it is decoded, and the number in each picture read.

.venv/bin/python -m benchmarks.recording_gaps [--cameras 10] [--minutes 10]

A process plays 720p25 cameras over RTSP, in which each picture shows its number; `camrec capture` records them.
Segments are decoded at low priority as they come into the index. A number that is left out, or comes twice, is a gap,
and so is a picture that stands for longer than two frames; runs that end on their own (reconnects) are counted apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

from app.demo.footage import write_video
from benchmarks.capture import FPS, SIZE, playing
from benchmarks.report import write_report
from core.redis_client import connect_redis
from core.settings import load_settings
from storage.camera import Recording
from storage.segments import Segment, SegmentStore
from tests.support.capture_process import CaptureProcess
from tests.support.numbered import numbered_frames, read_counter
from tests.support.redis_process import RedisProcess

CLIP_FRAMES = 40 * FPS
LONGEST_STEP_S = 2.0 / FPS
_RATE = {"b": "2000000", "maxrate": "2000000", "bufsize": "2000000"}
_LOOK_INTERVAL_S = 5.0
_START_S = 20.0
"""Until the process is up, all cameras play and show a key frame."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What is in a segment."""

    numbers: tuple[int, ...]
    """In the order in which they are shown."""
    times_s: tuple[float, ...]
    error: str = ""


def decode(path: Path) -> Decoded:
    """Decode a segment and read the number in each picture."""
    numbers, times_s, error = [], [], ""
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                plane = frame.planes[0]
                luma = np.asarray(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[
                    :, : plane.width, None
                ]
                numbers.append(read_counter(luma))
                times_s.append(float(frame.time or 0.0))
    except (av.FFmpegError, OSError) as caught:
        error = str(caught)
    return Decoded(tuple(numbers), tuple(times_s), error)


def gaps_of(recorded: list[tuple[Segment, Decoded]]) -> dict[str, Any]:
    """Of one camera, whose segments come in order."""
    missing, longest_s, reconnects = 0, 0.0, 0
    shown = [
        (segment.run, number, time_s)
        for segment, decoded in recorded
        for number, time_s in zip(decoded.numbers, decoded.times_s, strict=True)
    ]
    for (run, number, time_s), (next_run, next_number, next_time_s) in pairwise(shown):
        if run != next_run:
            reconnects += 1
            continue
        missing += (next_number - number - 1) % CLIP_FRAMES
        longest_s = max(longest_s, next_time_s - time_s)
    return {
        "pictures": len(shown),
        "missing": missing,
        "longest_step_s": round(longest_s, 4),
        "reconnects": reconnects,
        "undecodable": [segment.path for segment, decoded in recorded if decoded.error],
    }


def record(cameras: int, seconds: float, folder: Path, frame_dir: Path) -> list[dict[str, Any]]:
    """Record, and decode meanwhile; returns the gaps of each camera."""
    clip = folder / "clip.mp4"
    write_video(clip, numbered_frames(CLIP_FRAMES, *SIZE), FPS, options=_RATE)
    with (
        RedisProcess(folder) as redis_process,
        playing(clip, cameras) as urls,
        ProcessPoolExecutor(2, initializer=os.nice, initargs=(10,)) as pool,
    ):
        environment = {
            "CAMREC_DATA": str(folder / "data"),
            "CAMREC_FRAME_DIR": str(frame_dir),
            "CAMREC_REDIS_URL": redis_process.url,
        }
        os.environ.update(environment)  # of `camrec capture`
        settings = load_settings(environment, env_file=Path("/dev/null"))
        with CaptureProcess(settings, connect_redis(settings)) as capture:
            store = SegmentStore(capture.database)
            added = [capture.add(f"camera {n}", url, recording=Recording("continuous")) for n, url in enumerate(urls)]
            decoded: dict[int, dict[str, tuple[Segment, Future[Decoded]]]] = {camera.id: {} for camera in added}
            end_s = time.monotonic() + seconds
            while True:
                is_over = time.monotonic() >= end_s
                if is_over:
                    capture.terminate()
                for camera_id, found in decoded.items():
                    for segment in store.between(
                        camera_id, max((s.ended_at for s, _ in found.values()), default=0.0), 1e12
                    ):
                        if segment.path not in found:
                            found[segment.path] = segment, pool.submit(decode, settings.media_dir / segment.path)
                if is_over:
                    break
                time.sleep(min(_LOOK_INTERVAL_S, max(0.0, end_s - time.monotonic())))
                print(f"{sum(map(len, decoded.values()))} segments, {max(0.0, end_s - time.monotonic()):.0f} s to go")
            return [gaps_of([(s, future.result()) for s, future in found.values()]) for found in decoded.values()]


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as frame_dir:
        found = record(options.cameras, options.minutes * 60, Path(folder), Path(frame_dir))
    figures = {
        "cameras": options.cameras,
        "minutes": options.minutes,
        "size": SIZE,
        "fps": FPS,
        "pictures_decoded": sum(camera["pictures"] for camera in found),
        "pictures_missing": sum(camera["missing"] for camera in found),
        "longest_step_s": max(camera["longest_step_s"] for camera in found),
        "reconnects": sum(camera["reconnects"] for camera in found),
        "undecodable_segments": sum(len(camera["undecodable"]) for camera in found),
        "per_camera": found,
    }
    write_report("recording_gaps", figures)
    least = (options.minutes * 60 - _START_S) * FPS
    if any(c["missing"] or c["undecodable"] or c["longest_step_s"] > LONGEST_STEP_S for c in found):
        raise SystemExit("the recording has gaps")
    if any(c["pictures"] < least for c in found):
        raise SystemExit(f"a camera has fewer than {least:.0f} pictures")


if __name__ == "__main__":
    main()
