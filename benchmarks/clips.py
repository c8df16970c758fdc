"""Clips, playlists and the time line of a day's index: how long each takes, asked as a user asks.

.venv/bin/python -m benchmarks.clips [--cameras 100]

The index holds a day of every camera, 21 600 segments of 4 s each, in the order in which they would have come. Of one
camera the files are there, too: 60 real ones of 720p25, under all their names. A real API, Redis and worker of the
queue `jobs` answer over TCP; nothing was asked of the API's process before what is called `first`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import psutil
from sqlalchemy import insert

from app.demo.footage import write_video
from benchmarks.capture import FPS, SIZE
from benchmarks.report import write_report
from core import keys
from core.settings import Settings, load_settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.models import SegmentRow
from storage.secrets import Secrets
from storage.segment_files import header_bytes
from storage.users import UserStore
from tests.support.api_client import password_of
from tests.support.numbered import numbered_frames
from tests.support.processes import children
from tests.support.recordings import FRAGMENTED
from tests.support.redis_process import RedisProcess
from tests.support.served_api import ServedApi
from tests.support.waiting import wait_until

DAY_S = 86_400
SEGMENT_S = 4
"""What the recorder makes of a key frame every 2 s."""
RUN_SEGMENTS = 60
CLIP_S = 30.0
ROUNDS = 20
PROCESSES = 3
_RATE = {"b": "2000000", "maxrate": "2000000", "bufsize": "2000000"}
_POLL_S = 0.02


def write_run(folder: Path) -> list[Path]:
    """`RUN_SEGMENTS` files of one run: a clip again and again, its timestamps going on."""
    clip = folder / "clip.mp4"
    write_video(clip, numbered_frames(SEGMENT_S * FPS, *SIZE), FPS, options=_RATE)
    paths = [folder / f"{number:04d}.mp4" for number in range(RUN_SEGMENTS)]
    for number, path in enumerate(paths):
        with av.open(str(clip)) as source, av.open(str(path), "w", format="mp4", options=FRAGMENTED) as target:
            stream = source.streams.video[0]
            copied = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.pts is None or packet.dts is None:
                    continue
                offset = round(number * SEGMENT_S / packet.time_base)
                packet.pts += offset
                packet.dts += offset
                packet.stream = copied
                target.mux(packet)
    return paths


def rows(cameras: int, from_s: float, files: list[Path], node: str) -> Iterator[dict[str, Any]]:
    """A day's rows, by time as recorders add them."""
    sizes = [(path.stat().st_size, header_bytes(path)) for path in files]
    for number in range(DAY_S // SEGMENT_S):
        started_at, place = from_s + number * SEGMENT_S, number % RUN_SEGMENTS
        for camera_id in range(1, cameras + 1):
            yield {
                "camera_id": camera_id,
                "started_at": started_at,
                "ended_at": started_at + SEGMENT_S,
                "duration_s": float(SEGMENT_S),
                "path": path_of(camera_id, number),
                "size_bytes": sizes[place][0],
                "codec": "h264",
                "width": SIZE[0],
                "height": SIZE[1],
                "has_audio": False,
                "run": f"run-{number // RUN_SEGMENTS}",
                "init_bytes": sizes[place][1],
                "key_times": [0.0, 2.0],
                "retention_class": "continuous",
                "node": node,
            }


def path_of(camera_id: int, number: int) -> str:
    """Of a segment, below the media folder."""
    return f"recordings/{camera_id}/20261123/{number // 900:02}/{number:05}.mp4"


def fill(settings: Settings, cameras: int, from_s: float) -> None:
    """The day, in database and folder."""
    database = Database(settings)
    database.migrate()
    UserStore(database).add("admin", password_of("admin"), "admin")
    CameraStore(database, Secrets(settings.data)).replace_all(
        [Camera(number, f"camera {number}", "rtsp://192.0.2.1/") for number in range(1, cameras + 1)]
    )
    run = settings.data / "run of one"
    run.mkdir()
    files = write_run(run)
    for number in range(DAY_S // SEGMENT_S):
        link = settings.media_dir / path_of(1, number)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(files[number % RUN_SEGMENTS], link)
    batch = 200 * cameras
    pending = rows(cameras, from_s, files, settings.node)
    while some := [row for _, row in zip(range(batch), pending, strict=False)]:
        with database.write() as session:
            session.connection().execute(insert(SegmentRow), some)
    database.close()


def make_clip(api: ServedApi, from_s: float) -> tuple[float, str]:
    """How long a clip takes from the request until it is said to be done, in seconds, and its id."""
    started_s = time.perf_counter()
    asked = {"camera_id": 1, "from": from_s, "to": from_s + CLIP_S}
    status, clip = api.call("POST", "/clips", asked)
    assert status == 202, clip
    while clip["state"] not in {"done", "failed"}:
        time.sleep(_POLL_S)
        _, clip = api.call("GET", f"/clips/{clip['id']}")
    assert clip["state"] == "done", clip
    return time.perf_counter() - started_s, clip["id"]


def copying_s(settings: Settings, clip_id: str) -> float:
    """How long the bytes of a clip take by themselves, on this disk."""
    (path,) = (settings.media_dir / "clips").rglob(f"*{clip_id}*.mp4")
    started_s = time.perf_counter()
    shutil.copyfile(path, path.with_suffix(".copy"))
    return time.perf_counter() - started_s


def cpu_s(*pids: int) -> float:
    """Of these processes and their children so far; what else runs on the machine does not change it."""
    family = [p for pid in pids for p in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    return sum(p.cpu_times().user + p.cpu_times().system for p in family)


def fetch(api: ServedApi, path: str) -> tuple[float, int]:
    """How long an answer takes, in seconds, and its bytes."""
    started_s = time.perf_counter()
    with api.opened("GET", path) as answer:
        assert answer.status == 200, answer.read()
        size_bytes = len(answer.read())
    return time.perf_counter() - started_s, size_bytes


def quantiles(times_s: list[float]) -> dict[str, float]:
    """In milliseconds."""
    ordered = statistics.quantiles(times_s, n=20)
    return {"p50_ms": round(statistics.median(times_s) * 1e3, 1), "p95_ms": round(ordered[-1] * 1e3, 1)}


def answers(start: Callable[[], ServedApi], path: str) -> dict[str, Any]:
    """Of new processes the first answer; of the last one all that follow."""
    first, later, size_bytes = [], [], 0
    for _ in range(PROCESSES):
        api = start()
        first.append(fetch(api, path)[0])
        later = [fetch(api, path) for _ in range(ROUNDS)]
        size_bytes = later[0][1]
    return {
        "first_ms": [round(time_s * 1e3, 1) for time_s in first],
        **quantiles([time_s for time_s, _ in later]),
        "size_bytes": size_bytes,
    }


def measure(folder: Path, frame_dir: Path, cameras: int) -> dict[str, Any]:
    """All figures."""
    from_s = float((time.time() - 2 * DAY_S) // DAY_S * DAY_S)
    with RedisProcess(folder) as redis_process, children(folder) as processes:
        environment = {
            "CAMREC_DATA": str(folder / "data"),
            "CAMREC_FRAME_DIR": str(frame_dir),
            "CAMREC_REDIS_URL": redis_process.url,
        }
        os.environ.update(environment)  # of the processes
        settings = load_settings(environment, env_file=Path("/dev/null"))
        started_s = time.perf_counter()
        fill(settings, cameras, from_s)
        print(f"filled in {time.perf_counter() - started_s:.0f} s")

        def start() -> ServedApi:
            api = ServedApi(processes)
            api.log_in("admin")
            return api

        day = f"?from={from_s}&to={from_s + DAY_S}"
        figures: dict[str, Any] = {
            "playlist": answers(start, f"/cameras/1/playback.m3u8{day}"),
            "timeline": answers(start, f"/cameras/1/timeline{day}"),
        }
        worker = processes.start("worker", "-Q", "jobs")
        with redis_process.client() as client:
            wait_until(lambda: client.hlen(keys.WORKERS), "the worker says that it lives", 60)
        api, times = start(), random.Random(1)  # noqa: S311 - not for secrets
        made = [make_clip(api, from_s + times.uniform(0, DAY_S - CLIP_S))]
        used_s = cpu_s(worker.pid, api.process.pid)
        made += [make_clip(api, from_s + times.uniform(0, DAY_S - CLIP_S)) for _ in range(ROUNDS)]
        used_s = cpu_s(worker.pid, api.process.pid) - used_s
        copied_s = [copying_s(settings, clip_id) for _, clip_id in made[1:]]
        figures["clip"] = {
            "first_ms": round(made[0][0] * 1e3, 1),
            **quantiles([time_s for time_s, _ in made[1:]]),
            "copying_p50_ms": round(statistics.median(copied_s) * 1e3, 1),
            "cpu_ms": round(used_s / ROUNDS * 1e3, 1),
        }
        figures["load_average"] = [round(load, 1) for load in os.getloadavg()]
        return figures


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=100)
    cameras = parser.parse_args().cameras
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as frame_dir:
        figures = measure(Path(folder), Path(frame_dir), cameras)
    write_report("clips", {"cameras": cameras, "segments_of_each": DAY_S // SEGMENT_S, **figures})


if __name__ == "__main__":
    main()
