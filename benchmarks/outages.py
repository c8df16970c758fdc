"""Outages of a minute while cameras are recorded: what is in the recordings and in the index afterwards.

.venv/bin/python -m benchmarks.outages [--seconds 60] [--cameras 2] [--only NAME]

Five installations record the same RTSP cameras at the same time; each has a capture, a Redis and a database of its own,
and its own misfortunes. The pictures show their numbers: afterwards every segment is decoded and every number read. A
full disk needs the right to mount a tmpfs. The clock is set in one process alone, by what its `time.time` answers.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from app.demo.footage import write_video
from benchmarks.capture import playing
from benchmarks.recorded_site import AFTER_S, CONTINUOUS, PATIENCE_S, Figures, Plan, Site, state, stopped, warmed_up
from benchmarks.recording_gaps import CLIP_FRAMES, decode
from benchmarks.report import write_report
from capture.messages import Assign, Extend
from capture.shard import Shard
from capture.stream import silence_ffmpeg
from core.recognitions import DISK_FULL_EVENT
from storage.events import EventFilter, EventStore
from storage.retention.locks import KeepLock, KeepLockStore
from storage.segments import SegmentStore
from tests.support.capture_process import CaptureProcess
from tests.support.numbered import numbered_frames
from tests.support.postgres_process import PostgresProcess
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

FPS = 15
WARM_UP_S = 12.0
DISK_BYTES, MIN_FREE_BYTES = 64_000_000, 16_000_000


def on_sqlite(plan: Plan) -> Figures:
    """Redis is there and answers nothing; then nobody else gets to write to the database."""
    with RedisProcess(plan.folder) as redis_process:
        site = Site(plan, redis_process)
        with site.capture() as capture:
            site.wait_for_index(capture, warmed_up(site))
            figures = {
                "redis_frozen": site.outage(capture, site.redis.frozen()),
                "database_locked": site.outage(capture, capture.database.write()),
            }
            capture.terminate()
            return {**figures, **site.found(capture)}


def on_postgres(plan: Plan) -> Figures:
    """Redis is killed and comes back empty; then PostgreSQL is stopped."""
    with RedisProcess(plan.folder) as redis_process, PostgresProcess() as postgres:
        site = Site(plan, redis_process, database_url=f"postgresql://camrec@/postgres?host={postgres.folder}")
        with site.capture() as capture:
            site.wait_for_index(capture, warmed_up(site))
            figures = {
                "redis_killed": site.outage(capture, stopped(redis_process.kill, redis_process.start)),
                "postgresql_stopped": site.outage(capture, stopped(lambda: postgres.stop("fast"), postgres.start)),
            }
            capture.terminate()
            return {**figures, **site.found(capture)}


def killed(plan: Plan) -> Figures:
    """`kill -9` of the node and its processes at random moments, and a new one at once."""
    moments, kills = random.Random(plan.seconds), 0  # noqa: S311 - not for secrets
    with RedisProcess(plan.folder) as redis_process:
        site = Site(plan, redis_process)
        end_s = time.monotonic() + WARM_UP_S + 2 * plan.seconds
        while time.monotonic() < end_s:
            with site.capture() as capture:
                wait_until(partial(site.has_more_than, len(site.files())), "something is recorded", PATIENCE_S)
                time.sleep(moments.uniform(0.0, 8.0))
                for shard in capture.shards():
                    shard.kill()
                capture.process.kill()
                capture.process.wait()
                kills += 1
        with site.capture() as capture:
            torn = site.tails()
            wait_until(lambda: not torn & site.tails(), "what was torn is repaired", PATIENCE_S)
            indexed_s = site.wait_for_index(capture, site.files())
            time.sleep(AFTER_S)
            capture.terminate()
            found = site.found(capture)
            return {
                "kills": kills,
                "torn_files": len(torn),
                "all_indexed_after_s": indexed_s,
                "median_gap_s": round(statistics.median(found["gaps_s"]), 1),
                **found,
            }


def disk_full(plan: Plan) -> Figures:
    """Somebody else fills the disk. All footage is locked, so that retention makes no room."""
    media = plan.folder / "data" / "media"
    media.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "camrec", media], check=True)
    try:
        with RedisProcess(plan.folder) as redis_process:
            site = Site(plan, redis_process, min_free=str(MIN_FREE_BYTES))
            with site.capture() as capture:
                locks = KeepLockStore(capture.database)
                for camera in site.cameras:
                    locks.add(KeepLock(f"lock {camera.id}", camera.id, 0.0, 1e12, "benchmark", 0.0))
                site.wait_for_index(capture, warmed_up(site))
                ballast = media / "ballast"
                with stopped(lambda: fill(ballast), ballast.unlink):
                    wait_until(lambda: all(state(capture, c) == "paused" for c in site.cameras), "paused", PATIENCE_S)
                    time.sleep(plan.seconds)
                    least = shutil.disk_usage(media).free
                wait_until(lambda: all(state(capture, c) == "recording" for c in site.cameras), "goes on", PATIENCE_S)
                time.sleep(WARM_UP_S)
                alarms = EventStore(capture.database).page(EventFilter(kind=DISK_FULL_EVENT), None, 100)
                indexed_s = site.wait_for_index(capture, site.files())
                capture.terminate()
                return {
                    "free_bytes_while_full": least,
                    "alarms": len(alarms),
                    "all_indexed_after_s": indexed_s,
                    **site.found(capture),
                }
    finally:
        subprocess.run(["umount", "-l", media], check=True)


def clock_set(plan: Plan) -> Figures:
    """An hour ahead, then back again, while one connection goes on."""
    machine, ahead_s = time.time, [0.0]
    time.time = lambda: machine() + ahead_s[0]
    silence_ffmpeg()
    with RedisProcess(plan.folder) as redis_process:
        site = Site(plan, redis_process)
        with redis_process.client() as client:
            known = CaptureProcess(site.settings, client)  # not started: its tables are used
        shard = Shard(site.settings, "benchmark")
        shard.handle(Extend(math.inf))
        shard.start()
        for number, url in enumerate(plan.urls):
            site.cameras.append(known.add(f"camera {number}", url, recording=CONTINUOUS))
            shard.handle(Assign(site.cameras[-1]))
        third_s = CLIP_FRAMES / FPS / 4  # each number stands for one moment
        for offset_s in (0.0, 3600.0, 0.0):
            ahead_s[0] = offset_s
            time.sleep(third_s)
        shard.stop()
        site.wait_for_index(known, site.files())
        figures = site.found(known)
        store = SegmentStore(known.database)
        numbers = [
            [n for s in store.between(c.id, 0.0, 1e12) for n in decode(site.settings.media_dir / s.path).numbers]
            for c in site.cameras
        ]
        lost = sum((len(set(range(CLIP_FRAMES)) - set(shown)) - longest_absence(shown)) for shown in numbers)
        doubled = sum(len(shown) - len(set(shown)) for shown in numbers)
        # By time of day an hour lies between the runs; by their numbers the pictures follow each other.
        return {**figures, "gaps_s": [], "lost_pictures": lost, "doubled_pictures": doubled}


def longest_absence(numbers: list[int]) -> int:
    """Of a loop of `CLIP_FRAMES` pictures, the longest stretch without one, from a recording's end to its beginning."""
    ordered = sorted(set(numbers))
    return max((b - a - 1) % CLIP_FRAMES for a, b in pairwise([*ordered, ordered[0]]))


def fill(ballast: Path) -> None:
    """Leave half of what must be free."""
    ballast.write_bytes(bytes(shutil.disk_usage(ballast.parent).free - MIN_FREE_BYTES // 2))


SCENARIOS: dict[str, Callable[[Plan], Figures]] = {
    "sqlite": on_sqlite,
    "postgresql": on_postgres,
    "killed": killed,
    "disk_full": disk_full,
    "clock_set": clock_set,
}


def run_one(name: str, plan: Plan) -> Figures:
    """In a process of its own."""
    plan.folder.mkdir()
    plan.frame_dir.mkdir()
    return SCENARIOS[name](plan)


def is_whole(figures: Figures) -> bool:
    """Whether nothing is lost but what the outage itself took."""
    lost = ("missing_within_runs", "undecodable_segments", "files_without_row", "rows_without_file")
    return not any(figures[name] for name in lost) and not figures.get("lost_pictures")


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="that each outage lasts")
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--only", choices=SCENARIOS, action="append", help="of the scenarios; nothing is written then")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        memory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        clip = folder / "clip.mp4"
        write_video(clip, numbered_frames(CLIP_FRAMES), FPS, gop_s=2)
        urls = stack.enter_context(playing(clip, options.cameras))
        pool = stack.enter_context(ProcessPoolExecutor(len(SCENARIOS), mp_context=get_context("spawn")))
        plan = Plan(urls, folder, memory, options.seconds)
        running = {
            name: pool.submit(run_one, name, replace(plan, folder=folder / name, frame_dir=memory / name))
            for name in options.only or SCENARIOS
        }
        found = {name: future.result() for name, future in running.items()}
    report = {"seconds": options.seconds, "cameras": options.cameras, "fps": FPS, **found}
    if options.only:
        print(report)
    else:
        write_report("outages", report)
    if not all(map(is_whole, found.values())):
        raise SystemExit("a recording is not whole")


if __name__ == "__main__":
    main()
