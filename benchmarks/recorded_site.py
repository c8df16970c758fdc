"""An installation that records RTSP cameras for a benchmark, and what is in its recordings afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.recording_gaps import Decoded, decode, gaps_of
from core.settings import Settings, load_settings
from storage.camera import Camera, Recording
from storage.segment_files import open_segment_paths, whole_segment_paths
from storage.segments import Segment, SegmentStore
from storage.spans import MAX_SPAN_GAP_S
from tests.support.capture_process import CaptureProcess
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

AFTER_S = 8.0
PATIENCE_S = 90.0
"""For what is to be found again."""
CONTINUOUS = Recording("continuous")

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a scenario gets."""

    urls: list[str]
    folder: Path
    frame_dir: Path
    seconds: float


class Site:
    """One installation that records."""

    def __init__(self, plan: Plan, redis_process: RedisProcess, **settings: str) -> None:
        environment = {
            "CAMREC_DATA": str(plan.folder / "data"),
            "CAMREC_FRAME_DIR": str(plan.frame_dir),
            "CAMREC_REDIS_URL": redis_process.url,
            "CAMREC_KEEP_FPS": "0",
            **{f"CAMREC_{name.upper()}": value for name, value in settings.items()},
        }
        os.environ.update(environment)  # of `camrec capture`
        self.plan, self.redis = plan, redis_process
        self.settings: Settings = load_settings(environment, env_file=Path("/dev/null"))
        self.cameras: list[Camera] = []

    @contextmanager
    def capture(self) -> Iterator[CaptureProcess]:
        """`camrec capture`; the first one is told of the cameras."""
        with self.redis.client() as client, CaptureProcess(self.settings, client) as capture:
            for number, url in enumerate(self.plan.urls[len(self.cameras) :]):
                self.cameras.append(capture.add(f"camera {number}", url, recording=CONTINUOUS))
            yield capture

    def files(self) -> set[str]:
        """Whole segments on the disk."""
        media = self.settings.media_dir
        return {path for camera in self.cameras for path in whole_segment_paths(media, camera.id)}

    def has_more_than(self, count: int) -> bool:
        """Whether there are more whole segments than so many."""
        return len(self.files()) > count

    def tails(self) -> set[str]:
        """Segments that grow, or did when somebody was killed."""
        media = self.settings.media_dir
        return {path for camera in self.cameras for path in open_segment_paths(media, camera.id)}

    def wait_for_index(self, capture: CaptureProcess, files: set[str]) -> float:
        """Until all these files are in the index; returns how long it took, in seconds."""
        store, began_s = SegmentStore(capture.database), time.monotonic()

        def is_found() -> bool:
            return files <= {s.path for camera in self.cameras for s in store.between(camera.id, 0.0, 1e12)}

        wait_until(is_found, "every file is in the index", PATIENCE_S)
        return round(time.monotonic() - began_s, 1)

    def outage(self, capture: CaptureProcess, cause: AbstractContextManager[object]) -> Figures:
        """So many seconds of it, then some without."""
        before = self.files()
        with cause:
            time.sleep(self.plan.seconds)
            meanwhile = self.files() - before
        indexed_s = self.wait_for_index(capture, self.files())
        time.sleep(AFTER_S)
        return {"files_meanwhile": len(meanwhile), "all_indexed_after_s": indexed_s}

    def found(self, capture: CaptureProcess) -> Figures:
        """What is there in the end, when capture has ended."""
        store = SegmentStore(capture.database)
        recorded = [store.between(camera.id, 0.0, 1e12) for camera in self.cameras]
        paths = {segment.path for segments in recorded for segment in segments}
        decoded = [[(s, decode(self.settings.media_dir / s.path)) for s in segments] for segments in recorded]
        return {
            "segments": len(paths),
            "files_without_row": len(self.files() - paths),
            "rows_without_file": len(paths - self.files()),
            **summary(decoded),
        }


def summary(recorded: list[list[tuple[Segment, Decoded]]]) -> Figures:
    """Of all cameras together."""
    each = [gaps_of(of_camera) for of_camera in recorded]
    holes = [
        round(later.started_at - earlier.ended_at, 2)
        for of_camera in recorded
        for (earlier, _), (later, _) in pairwise(of_camera)
        if later.started_at - earlier.ended_at > MAX_SPAN_GAP_S
    ]
    return {
        "pictures": sum(camera["pictures"] for camera in each),
        "missing_within_runs": sum(camera["missing"] for camera in each),
        "longest_step_s": max(camera["longest_step_s"] for camera in each),
        "undecodable_segments": sum(len(camera["undecodable"]) for camera in each),
        "new_runs": sum(camera["reconnects"] for camera in each),
        "gaps_s": holes,
    }


@contextmanager
def stopped(stop: Callable[[], object], start: Callable[[], object]) -> Iterator[None]:
    """Something is gone for as long as the block takes."""
    stop()
    try:
        yield
    finally:
        start()


def warmed_up(site: Site) -> set[str]:
    """Files, after some seconds of recording."""
    wait_until(lambda: len(site.files()) >= 2 * len(site.plan.urls), "cameras are recorded", PATIENCE_S)
    return site.files()


def state(capture: CaptureProcess, camera: Camera) -> str:
    """Of a camera's recording."""
    return str(capture.status(camera.id).get("recording", {}).get("state"))
