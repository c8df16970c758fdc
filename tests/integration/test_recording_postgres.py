"""Recording while PostgreSQL is away; `benchmarks/outages.py` does it for a minute, and other outages with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest
import redis

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from core.settings import Settings, get_settings
from storage.camera import Recording
from storage.segment_files import whole_segment_paths
from storage.segments import Segment, SegmentStore
from tests.support.capture_process import CaptureProcess
from tests.support.numbered import numbered_frames, read_counter
from tests.support.postgres_process import PostgresProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

FPS, CLIP_FRAMES = 15, 600


@pytest.fixture
def rtsp(tmp_path: Path) -> Iterator[RtspServer]:
    write_video(tmp_path / "camera.mp4", numbered_frames(CLIP_FRAMES), FPS, gop_s=1)
    with RtspServer({"camera": tmp_path / "camera.mp4"}) as server:
        yield server


def decoded(path: Path) -> list[int]:
    """The number in each picture."""
    with av.open(str(path)) as container:
        return [read_counter(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


def test_what_is_recorded_meanwhile_is_found_afterwards(
    settings: Settings,
    redis_client: redis.Redis,
    own_postgres: PostgresProcess,
    rtsp: RtspServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAMREC_DATABASE_URL", f"postgresql://camrec@/postgres?host={own_postgres.folder}")
    get_settings.cache_clear()
    with CaptureProcess(get_settings(), redis_client) as capture:
        camera = capture.add("camera", rtsp.url("camera"), recording=Recording("continuous"))
        store = SegmentStore(capture.database)

        def files() -> set[str]:
            return set(whole_segment_paths(settings.media_dir, camera.id))

        def indexed() -> list[Segment]:
            return store.between(camera.id, 0.0, time.time() + 60)

        wait_until(indexed, "a segment in the index", 30.0)
        own_postgres.stop("fast")
        before = files()
        wait_until(lambda: len(files() - before) >= 2, "files go on", 20.0)
        own_postgres.start()
        meanwhile = files()
        wait_until(lambda: meanwhile <= {s.path for s in indexed()}, "all of them are in the index", 20.0)
        segments = indexed()
    numbers = [number for segment in segments for number in decoded(settings.media_dir / segment.path)]
    assert {(b - a) % CLIP_FRAMES for a, b in pairwise(numbers)} == {1}, "no picture is missing"
    assert len({segment.run for segment in segments}) == 1
