"""What recording costs over bare demuxing and remuxing of the same streams: CPU of both, in one run.

.venv/bin/python -m benchmarks.recording [--cameras 10] [--seconds 15] [--runs 4]

A process plays 720p25 cameras over RTSP. At the same time one process does nothing but write what it reads into a file
of four seconds after the other, and another records as a shard does: repaired timestamps, durable files, index. All
cameras send at the same moments, one after the other, and who comes later is woken more often: so each process has
every second camera, and they change places from run to run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import av

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from benchmarks.capture import FPS, WARM_UP_S, cpu_s, footage
from benchmarks.report import write_report
from capture.drops import Drops
from capture.recorder.recorder import Recorder
from capture.recorder.segment_file import _OPTIONS
from capture.stream import Stream, silence_ffmpeg
from core.settings import load_settings
from storage.camera import Camera, Recording
from storage.database import Database

BUDGET = 1.3
_SPAWN = multiprocessing.get_context("spawn")


def remux(url: str, folder: Path) -> None:
    """Write a stream into files of four seconds, and nothing else."""
    with closing(Stream(url)) as stream:
        output, started, number = None, 0, 0
        for packet in stream.packets():
            if packet.dts is None:
                continue
            if packet.is_keyframe and (output is None or packet.dts - started >= 4 / packet.time_base):
                if output is not None:
                    output.close()
                number, started = number + 1, packet.dts
                output = av.open(str(folder / f"{number}.mp4"), "w", format="mp4", options=_OPTIONS)
                video = output.add_stream_from_template(stream.video, opaque=True)
            if output is not None:
                packet.stream = video
                output.mux_one(packet)


def run_bare(urls: list[str], folder: Path, seconds: float, result: Callable[[float], None]) -> None:
    silence_ffmpeg()
    for number, url in enumerate(urls):
        (folder / str(number)).mkdir(parents=True)
        threading.Thread(target=remux, args=(url, folder / str(number)), daemon=True).start()
    result(_measured(seconds))


def run_recorder(urls: list[str], folder: Path, seconds: float, result: Callable[[float], None]) -> None:
    silence_ffmpeg()
    settings = load_settings({"CAMREC_DATA": str(folder)}, folder / "no.env")
    database = Database(settings)
    database.migrate()
    recorder = Recorder(settings, database, Drops())
    recorder.start()
    for number, url in enumerate(urls, 1):
        # With a stream to analyse elsewhere, the recorder reads this one by itself.
        recorder.assign(Camera(number, f"camera {number}", url, "rtsp://unused/", recording=Recording("continuous")))
    result(_measured(seconds))
    recorder.stop(5.0)


def _measured(seconds: float) -> float:
    time.sleep(WARM_UP_S)
    before_s = cpu_s()
    time.sleep(seconds)
    return cpu_s() - before_s


def run_both(urls: list[str], seconds: float, folder: Path, swapped: bool) -> dict[str, float]:
    """CPU milliseconds of a second of a stream."""
    runs = []
    for name, target, mine in (("bare", run_bare, swapped), ("recorder", run_recorder, not swapped)):
        theirs = urls[int(mine) :: 2]
        near, far = _SPAWN.Pipe()
        process = _SPAWN.Process(target=target, args=(theirs, folder / name, seconds, far.send))
        process.start()
        runs.append((name, near, process))
    costs = {name: near.recv() * 1000 / len(theirs) / seconds for name, near, _ in runs}
    for _, _, process in runs:
        with suppress(Exception):
            process.join(20)
            process.kill()
    return costs


def _serve(clip: Path, names: list[str], ready: Callable[[list[str]], None]) -> None:
    with RtspServer(dict.fromkeys(names, clip)) as server:
        ready([server.url(name) for name in names])
        threading.Event().wait()


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--runs", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        clip = Path(scratch) / "clip.mp4"
        write_video(clip, footage(10 * FPS), FPS, options={"b": "2000000"})
        pipe, far = _SPAWN.Pipe()
        names = [f"camera{number}" for number in range(2 * options.cameras)]
        server = _SPAWN.Process(target=_serve, args=(clip, names, far.send), daemon=True)
        server.start()
        urls = pipe.recv()
        runs = [
            run_both(urls, options.seconds, Path(scratch) / str(number), swapped=bool(number % 2))
            for number in range(options.runs)
        ]
        server.kill()
    figures = {
        "cameras": options.cameras,
        "cpu_ms_per_stream_second": {
            name: round(statistics.median(run[name] for run in runs), 2) for name in ("bare", "recorder")
        },
        "ratios": [round(run["recorder"] / run["bare"], 3) for run in runs],
        "ratio": round(sum(run["recorder"] for run in runs) / sum(run["bare"] for run in runs), 3),
        "budget": BUDGET,
    }
    write_report("recording", figures)
    if figures["ratio"] > BUDGET:
        raise SystemExit(f"recording costs {figures['ratio']} times bare remuxing, more than {BUDGET}")


if __name__ == "__main__":
    main()
