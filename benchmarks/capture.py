"""What capture adds to the bare decoding of the packets that must be decoded: CPU of both, in one run.

.venv/bin/python -m benchmarks.capture [--cameras 4] [--seconds 20]

A process plays 720p25 cameras over RTSP. At the same time one process does nothing but demux and decode them, and
another is a whole shard: it samples 5 frames a second for plates, writes them to the frame store and publishes tokens;
once without and once with keeping a JPEG a second.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import cv2

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from benchmarks.report import SHARED_DATA, write_report
from capture.decoder import Decoder
from capture.messages import Assign, Extend
from capture.shard import Shard
from capture.stream import Stream, silence_ffmpeg
from core.settings import Settings, load_settings
from core.types import Picture
from storage.camera import Camera, CameraRecognition
from storage.database import Database
from tests.support.numbered import numbered_frames
from tests.support.redis_process import RedisProcess

FPS = 25
SIZE = (1280, 720)
ASKED_FPS = 5.0
WARM_UP_S = 5.0
BUDGET = 1.15
_SPAWN = multiprocessing.get_context("spawn")


def footage(count: int) -> Iterator[Picture]:
    """Traffic where the footage is there, drawn pictures elsewhere."""
    path = SHARED_DATA / "videos" / "car-detection.mp4"
    if not path.is_file():
        yield from numbered_frames(count, *SIZE)
        return
    with av.open(str(path)) as container:
        for _, frame in zip(range(count), container.decode(video=0), strict=False):
            yield cv2.resize(frame.to_ndarray(format="bgr24"), SIZE)  # type: ignore[misc]


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(seconds: float, frames: Callable[[], int]) -> dict[str, float]:
    """CPU and frames of this process from now on, when it has warmed up."""
    time.sleep(WARM_UP_S)
    before_s, frames_before = cpu_s(), frames()
    time.sleep(seconds)
    used_s, count = cpu_s() - before_s, frames() - frames_before
    return {"cpu_share": used_s / seconds, "frames": count, "ms_per_frame": used_s / count * 1e3}


def decode_only(urls: list[str], seconds: float, answer: Connection) -> None:
    silence_ffmpeg()
    decoded = [0] * len(urls)

    def watch(number: int) -> None:
        stream = Stream(urls[number])
        decoder = Decoder(stream.video)
        for packet in stream.packets():
            decoded[number] += len(decoder.decode(packet))

    for number in range(len(urls)):
        threading.Thread(target=watch, args=(number,), daemon=True).start()
    answer.send(measure(seconds, lambda: sum(decoded)))


def whole_shard(urls: list[str], seconds: float, settings: Settings, answer: Connection) -> None:
    silence_ffmpeg()
    shard = Shard(settings, "benchmark")
    shard.handle(Extend(math.inf))
    shard.start()
    for number, url in enumerate(urls, 1):
        camera = Camera(number, f"camera {number}", url, recognitions=(CameraRecognition("plates", ASKED_FPS),))
        shard.handle(Assign(camera))
    answer.send(measure(seconds, lambda: sum(f.decoded for f in shard.figures())))
    shard.stop()


@contextmanager
def playing(clip: Path, cameras: int) -> Iterator[list[str]]:
    theirs, ours = _SPAWN.Pipe()
    process = _SPAWN.Process(target=play, args=(clip, cameras, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


def play(clip: Path, cameras: int, control: Connection) -> None:
    names = [f"camera{number}" for number in range(cameras)]
    with RtspServer(dict.fromkeys(names, clip)) as server:
        control.send([server.url(name) for name in names])
        control.recv()


def run_both(urls: list[str], seconds: float, settings: Settings) -> dict[str, Any]:
    """At once, so that whatever else the machine does slows both alike."""
    jobs: dict[str, tuple[Callable[..., None], tuple[Any, ...]]] = {
        "bare": (decode_only, (urls, seconds)),
        "capture": (whole_shard, (urls, seconds, settings)),
    }
    answers = {}
    for name, (target, arguments) in jobs.items():
        ours, theirs = _SPAWN.Pipe(duplex=False)
        _SPAWN.Process(target=target, args=(*arguments, theirs), daemon=True).start()
        answers[name] = ours
    figures = {
        name: {figure: round(value, 4) for figure, value in answer.recv().items()} for name, answer in answers.items()
    }
    return {**figures, "ratio": round(figures["capture"]["ms_per_frame"] / figures["bare"]["ms_per_frame"], 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    figures: dict[str, Any] = {
        "cameras": options.cameras,
        "size": SIZE,
        "fps": FPS,
        "asked fps": ASKED_FPS,
        "budget": BUDGET,
    }
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as frame_dir:
        clip = Path(folder) / "clip.mp4"
        rate = {"b": "2000000", "maxrate": "2000000", "bufsize": "2000000"}
        write_video(clip, footage(10 * FPS), FPS, options=rate)
        with RedisProcess(Path(folder)) as redis_process, playing(clip, options.cameras) as urls:
            for name, keep_fps in (("recognition alone", 0.0), ("recognition and a kept frame a second", 1.0)):
                environment = {
                    "CAMREC_DATA": f"{folder}/data",
                    "CAMREC_FRAME_DIR": frame_dir,
                    "CAMREC_REDIS_URL": redis_process.url,
                    "CAMREC_KEEP_FPS": str(keep_fps),
                }
                os.environ.update(environment)  # Celery's own settings are read from there
                settings = load_settings(environment, env_file=Path("/dev/null"))
                Database(settings).migrate()
                figures[name] = run_both(urls, options.seconds, settings)
    write_report("capture", figures)


if __name__ == "__main__":
    main()
