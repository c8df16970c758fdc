"""Processor time of capture for a second of a stream, by what is done with it and by the number of cameras.

.venv/bin/python -m benchmarks.capture_modes [--seconds 12] [--cameras 1 20 100]

Whole shards, as capture runs them, 25 cameras each, on RTSP cameras of 640x360, 15 frames/s and a key frame every 2 s
that start at shifted places of their loop. `demux`: nothing is asked of the camera (a key frame every 5 s says that it
lives); `record`: its packets go into segments; `key frames`: a recognition asks for a frame every 2 s, so that only key
frames are decoded; `all frames`: it asks for 5 a second, so that all are.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.capture import cpu_s
from benchmarks.installation import playing, write_hall
from benchmarks.report import write_report
from capture.messages import Assign, Extend
from capture.shard import Shard
from capture.stream import silence_ffmpeg
from core.allocator import share_arenas
from core.settings import Settings, load_settings
from storage.camera import Camera, CameraRecognition, Recording
from storage.database import Database
from tests.support.redis_process import RedisProcess

MODES: dict[str, tuple[float, Recording]] = {
    "demux": (0.0, Recording(mode="off")),
    "record": (0.0, Recording(mode="continuous")),
    "key frames": (0.5, Recording(mode="off")),
    "all frames": (5.0, Recording(mode="off")),
}
"""Frames a second that are asked for, and how the camera is recorded."""
START_S = 60.0
SETTLE_S = 5.0
"""Two key frames: the rate of them is known then, and what can do with them does."""
_SPAWN = multiprocessing.get_context("spawn")


def run_shard(urls: dict[int, str], mode: str, seconds: float, settings: Settings, control: Connection) -> None:
    """Watch these cameras; tells when all give frames, then the processor time and frames decoded in ``seconds``."""
    share_arenas()
    silence_ffmpeg()
    shard = Shard(settings, "benchmark")
    shard.handle(Extend(math.inf))
    shard.start()
    fps, recording = MODES[mode]
    recognitions = (CameraRecognition("falls", fps),) if fps else ()
    for number, url in urls.items():
        shard.handle(Assign(Camera(number, f"camera {number}", url, recognitions=recognitions, recording=recording)))
    deadline_s = time.monotonic() + START_S
    while sum(f.last_frame_at is not None for f in shard.figures()) < len(urls) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    control.send(None)
    control.recv()
    before_s, decoded = cpu_s(), sum(f.decoded for f in shard.figures())
    started_s = time.monotonic()
    time.sleep(seconds)
    elapsed_s = time.monotonic() - started_s
    decoded = sum(f.decoded for f in shard.figures()) - decoded
    control.send((cpu_s() - before_s, decoded, elapsed_s))
    os._exit(0)


def measure(urls: list[str], mode: str, seconds: float, settings: Settings) -> dict[str, float]:
    numbered, controls = dict(enumerate(urls, 1)), []
    for start in range(1, len(urls) + 1, settings.cameras_per_shard):
        part = {n: numbered[n] for n in range(start, min(start + settings.cameras_per_shard, len(urls) + 1))}
        ours, theirs = _SPAWN.Pipe()
        _SPAWN.Process(target=run_shard, args=(part, mode, seconds, settings, theirs), daemon=True).start()
        controls.append(ours)
    for control in controls:
        control.recv()
    time.sleep(SETTLE_S)
    for control in controls:
        control.send("go")
    found = [control.recv() for control in controls]
    stream_s = len(urls) * found[0][2]
    return {
        "cpu_ms_per_stream_second": round(1e3 * sum(used_s for used_s, _, _ in found) / stream_s, 3),
        "decoded_fps": round(sum(decoded for _, decoded, _ in found) / stream_s, 2),
    }


def main() -> None:
    """Every mode with every number of cameras, and the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--cameras", type=int, nargs="+", default=(1, 20, 100))
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"size": "640x360", "fps": 15, "key_frame_every_s": 2, "cpu_ms_per_stream_second": {}}
    with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryDirectory(dir="/dev/shm") as frame_dir:
        folder = Path(temporary)
        clip = folder / "hall.mp4"
        write_hall(clip, is_always_moving=True)
        with RedisProcess(folder) as redis_process, playing(clip, max(arguments.cameras), folder) as (urls, _):
            environment = {
                "CAMREC_DATA": f"{folder}/data",
                "CAMREC_FRAME_DIR": frame_dir,
                "CAMREC_REDIS_URL": redis_process.url,
                "CAMREC_KEEP_FPS": "0",
            }
            os.environ.update(environment)  # Celery's own settings are read from there
            settings = load_settings(environment, env_file=Path("/dev/null"))
            Database(settings).migrate()
            for mode in MODES:
                found = {count: measure(urls[:count], mode, arguments.seconds, settings) for count in arguments.cameras}
                print(mode, found, flush=True)
                figures["cpu_ms_per_stream_second"][mode] = {
                    str(count): one["cpu_ms_per_stream_second"] for count, one in found.items()
                }
                figures.setdefault("decoded_fps", {})[mode] = found[max(found)]["decoded_fps"]
    write_report("capture_modes", figures)


if __name__ == "__main__":
    main()
