"""What recognitions have seen reaches the motion gates of the cameras, through a real Redis."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from capture.camera_worker import CameraWorker
from capture.drops import Drops
from capture.status import StatusReporter
from core import keys
from core.camera_counts import forget_removed_cameras
from storage.camera import Camera, CameraRecognition
from tasks.seen import NOTE_INTERVAL_S, SeenNotes
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

RATES = {"falls": 8.0, "reid": 4.0}


@pytest.fixture
def worker() -> CameraWorker:
    recognitions = tuple(CameraRecognition(kind, fps) for kind, fps in RATES.items())
    camera = Camera(id=7, name="hall", url="rtsp://192.0.2.1/1", recognitions=recognitions)
    nobody: Any = None
    return CameraWorker(camera, RATES, store=nobody, sink=nobody, drops=Drops())


def reporter_of(worker: CameraWorker, client: redis.Redis) -> StatusReporter:
    return StatusReporter(
        lambda: client, lambda: [worker], dict, Drops(), lambda _: {}, lambda _: {"bytes": 0}, holder="here:1"
    )


def test_a_sight_is_told_for_its_recognition_and_camera(worker: CameraWorker, redis_client: redis.Redis) -> None:
    reporter, falls = reporter_of(worker, redis_client), SeenNotes(redis_client, "falls")
    assert worker.seen_at is None, "not known before Redis was asked"
    reporter.report()
    assert worker.seen_at == {}
    falls.note(7, 1000.0)
    falls.note(8, 2000.0)
    reporter.report()
    assert worker.seen_at == {"falls": 1000.0}


def test_sights_are_noted_now_and_then_only(redis_client: redis.Redis) -> None:
    notes = SeenNotes(redis_client, "falls")
    for at_s in (1000.0, 1000.0 + NOTE_INTERVAL_S / 2):
        notes.note(7, at_s)
        assert redis_client.hget(keys.SEEN, "falls:7") == b"1000.0"
    notes.note(7, 1000.0 + NOTE_INTERVAL_S)
    assert redis_client.hget(keys.SEEN, "falls:7") == str(1000.0 + NOTE_INTERVAL_S).encode()


def test_without_redis_every_room_may_be_occupied(worker: CameraWorker) -> None:
    away = redis.Redis(port=9, socket_connect_timeout=0.2)
    worker.seen_at = {}
    reporter = reporter_of(worker, away)
    reporter.start()
    try:
        wait_until(lambda: worker.seen_at is None, "taken for occupied", 10.0)
    finally:
        reporter.stop(5.0)


def test_a_removed_camera_leaves_nothing(redis_client: redis.Redis) -> None:
    SeenNotes(redis_client, "falls").note(7, 1000.0)
    SeenNotes(redis_client, "falls").note(8, 1000.0)
    forget_removed_cameras(redis_client, lambda: [8])
    assert redis_client.hkeys(keys.SEEN) == [b"falls:8"]
