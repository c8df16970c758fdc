"""What a Celery user types works: plain workers, inspection, Flower."""

from __future__ import annotations

import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import redis
from celery import Celery

from app.ports import free_port
from core import keys
from core.recognitions import EVENT_SHARDS, RECOGNITIONS
from core.settings import Settings
from storage.frames.store import open_frame_store
from storage.frames.tokens import Offer, Tokens
from tests.support.processes import Children, children
from tests.support.waiting import wait_until

CELERY = [sys.executable, "-P", "-m", "celery", "-A", "tasks"]
PLATES = RECOGNITIONS["plates"]
CAMERA = 11


@pytest.fixture
def worker(settings: Settings, redis_client: redis.Redis, tmp_path: Path) -> Any:
    """`celery -A tasks worker -Q plates`, once its models are warm."""
    with children(tmp_path) as processes:
        processes.start("worker", "-Q", PLATES.queue, command=CELERY)
        wait_until(lambda: redis_client.hlen(keys.WORKERS), "the worker says that it lives", 60)
        yield processes


def inspect(settings: Settings) -> Any:
    app = Celery("test", broker=settings.resolve_redis_url(), set_as_current=False)
    return app.control.inspect(timeout=2)


def test_a_plain_worker_reads_the_newest_frame(settings: Settings, redis_client: redis.Redis, worker: Children) -> None:
    store, tokens = open_frame_store(settings), Tokens(redis_client)
    picture = np.full((240, 480, 3), 90, np.uint8)
    cv2.rectangle(picture, (90, 80), (390, 150), (255, 255, 255), cv2.FILLED)
    cv2.putText(picture, "AB 123 CD", (100, 130), cv2.FONT_HERSHEY_DUPLEX, 1.7, (0, 0, 0), 3, cv2.LINE_AA)
    store.write(CAMERA, np.zeros_like(picture), time.time() - 0.1)
    newest = store.write(CAMERA, picture, time.time())
    assert tokens.offer(PLATES, [CAMERA]) == [Offer.GRANTED]
    assert tokens.offer(PLATES, [CAMERA]) == [Offer.SUPERSEDES]
    app = Celery("test", broker=settings.resolve_redis_url(), set_as_current=False)
    app.send_task(PLATES.task, args=([CAMERA],), queue=PLATES.queue)
    stream = keys.observations(CAMERA % EVENT_SHARDS)
    wait_until(lambda: redis_client.xlen(stream), "an observation waits", 30)
    ((_, fields),) = redis_client.xrange(stream)
    assert f'"seq": {newest.seq}'.encode() in fields[b"observation"]
    assert b"AB123CD" in fields[b"observation"]
    assert tokens.offer(PLATES, [CAMERA]) == [Offer.GRANTED], "the token was cleared when the frame was taken"


def test_frames_of_a_message_that_expired_are_counted(
    settings: Settings, redis_client: redis.Redis, worker: Children
) -> None:
    app = Celery("test", broker=settings.resolve_redis_url(), set_as_current=False)
    long_ago = datetime.now(UTC) - timedelta(seconds=60)
    app.send_task(PLATES.task, args=([CAMERA, 12],), queue=PLATES.queue, expires=long_ago)
    dropped = {f"plates:{camera}:expired".encode(): b"1" for camera in (CAMERA, 12)}
    wait_until(lambda: redis_client.hgetall(keys.WORKER_DROPS) == dropped, "both cameras' frames are counted", 20)
    assert not redis_client.exists(keys.SERVED)


def test_inspect_shows_pool_and_queue(settings: Settings, worker: Children) -> None:
    stats = wait_until(lambda: inspect(settings).stats(), "the worker answers", 20)
    (figures,) = stats.values()
    assert figures["pool"]["implementation"].endswith("thread:TaskPool")
    (queues,) = wait_until(lambda: inspect(settings).active_queues(), "the worker answers", 20).values()
    assert [queue["name"] for queue in queues] == [PLATES.queue]


def test_flower_shows_the_worker(settings: Settings, worker: Children) -> None:
    port = free_port()
    worker.start("flower", f"--port={port}", "--address=127.0.0.1", command=CELERY)

    def workers_page() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/workers", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    wait_until(lambda: "celery@" in workers_page(), "Flower lists the worker", 40)
