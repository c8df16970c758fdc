"""A camera before which something moves and stands still, watched by a real capture: what its time line says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from capture.motion_gate import MOVING_LOOK_INTERVAL_S
from capture.motion_log import INTERVAL_S
from core.settings import Settings
from core.types import Picture
from storage.camera import CameraRecognition, Recording
from tests.support.api_client import ApiClient
from tests.support.capture_process import CaptureProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

FPS = 8
STILL_S, MOVING_S, REST_S = 5, 4, 14
SETTLING_S = 6
"""What has come to rest is background after a while, and as long it is motion."""
LATE_S = INTERVAL_S + 3.0
"""How far behind the rows may be, on a busy machine."""


def scenes() -> Iterator[Picture]:
    """A block on a grey wall, that stands, moves, and stands again where it began."""
    for number in range((STILL_S + MOVING_S + REST_S) * FPS):
        picture = np.full((240, 320, 3), 100, np.uint8)
        steps = min(max(number - STILL_S * FPS, 0), MOVING_S * FPS)
        left = 20 + 200 * abs(np.sin(np.pi * steps / (MOVING_S * FPS)))
        picture[80:160, round(left) : round(left) + 40] = 220
        yield picture


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "moves.mp4"
    write_video(path, scenes(), FPS, gop_s=1)
    return path


def _seconds(span: dict[str, str]) -> tuple[float, float]:
    return datetime.fromisoformat(span["from"]).timestamp(), datetime.fromisoformat(span["to"]).timestamp()


@pytest.mark.usefixtures("database")
def test_motion_on_the_time_line(settings: Settings, redis_client: redis.Redis, viewer: ApiClient, clip: Path) -> None:
    began_at = time.time()

    def timeline(camera_id: int) -> dict[str, Any]:
        answer = viewer.get(f"/cameras/{camera_id}/timeline?from={began_at - 60}&to={time.time() + 60}")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.get_json()
        return found

    def first(camera_id: int, name: str, wanted: Callable[[float, float], bool]) -> Callable[[], Any]:
        """The first span when it is as wanted."""

        def look() -> Any:
            found = timeline(camera_id)[name]
            return _seconds(found[0]) if found and wanted(*_seconds(found[0])) else None

        return look

    with RtspServer({"gated": clip, "other": clip}) as rtsp, CaptureProcess(settings, redis_client) as capture:
        plates, off = (CameraRecognition("plates", float(FPS)),), Recording("off")
        gated = capture.add("gated", rtsp.url("gated"), recognitions=plates, recording=off)
        not_gated = capture.add("not gated", rtsp.url("other"), recognitions=plates, recording=off, motion_gate=False)
        assert timeline(gated.id)["motion"] is None, "nobody has looked yet"

        # It goes on, and is on the time line.
        begun = wait_until(first(gated.id, "motion", lambda start, end: end > start), "motion", 20.0)
        assert time.time() - begun[1] < LATE_S
        streaming_since = _seconds(timeline(gated.id)["motion_watched"][0])[0]
        assert begun[0] - streaming_since > 1.0, "a new view is not taken for motion"

        # It has ended, and somebody still looks.
        watched_until_s = begun[0] + MOVING_S + SETTLING_S + MOVING_LOOK_INTERVAL_S + 1
        wait_until(first(gated.id, "motion_watched", lambda _, end: end > watched_until_s), "stillness", 20.0)
        found = timeline(gated.id)
        ((start, end),) = map(_seconds, found["motion"])
        assert start == begun[0]
        assert MOVING_S - 1 <= end - start <= MOVING_S + SETTLING_S + MOVING_LOOK_INTERVAL_S
        assert found["step_s"] < 1

        other = timeline(not_gated.id)
        assert (other["motion"], other["motion_watched"]) == (None, [])

        shards = capture.shards()
        for shard in shards:
            shard.kill()
        killed_at = time.time()
    found = timeline(gated.id)
    assert list(map(_seconds, found["motion"])) == [(start, end)]
    ((_, watched_until),) = map(_seconds, found["motion_watched"])
    assert killed_at - watched_until < LATE_S
