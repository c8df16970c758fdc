"""No queued observation is lost and no event doubled: doubled, disordered and interrupted deliveries."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import redis

from core import keys
from core.recognitions import EVENT_QUEUES, EVENT_SHARDS
from core.settings import Settings
from core.types import Detection, FrameRef, Observation
from storage.camera import Camera, CameraRecognition
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventFilter, EventStore, StoredEvent
from storage.frames.store import FrameStore
from storage.media import Media, decode_jpeg, encode_jpeg, plain_snapshot_path
from storage.secrets import Secrets
from tests.support.processes import Children, children
from tests.support.waiting import wait_until

QUEUES = ",".join(EVENT_QUEUES)
START_S = 1_800_000_000.0
FRAMES = 12

_PUBLISH = """
import json, sys
from core.redis_client import connect_redis
from core.settings import get_settings
from core.types import Observation
from tasks import app
from tasks.observations import ObservationLog

log = ObservationLog(connect_redis(get_settings()))
for line in sys.stdin:
    log.append(Observation.from_json(json.loads(line)), app)
"""

_KILLED_AT_CHECKPOINT = """
import os, signal, sys
from tasks import judging
from app.cli import main

when, left = sys.argv.pop(1), int(sys.argv.pop(1))
judging.BATCH = 5
save = judging.ShardJudge._save

def save_and_die(self, *args):
    global left
    left -= 1
    if left == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)  # events are written, the checkpoint is not
    save(self, *args)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)  # the checkpoint is saved, the task not finished

judging.ShardJudge._save = save_and_die
main()
"""


@pytest.fixture
def cameras(settings: Settings) -> list[Camera]:
    database = Database(settings)
    database.migrate()
    store = CameraStore(database, Secrets(settings.data))
    plates = (CameraRecognition("plates", 5.0),)
    return [store.add(Camera(0, f"camera {n}", "rtsp://127.0.0.1:1/x", recognitions=plates)) for n in range(4)]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Children]:
    with children(tmp_path) as found:
        yield found


def observations(cameras: list[Camera]) -> list[Observation]:
    """One car passes each camera: a plate on each frame, then empty frames long enough for it to be gone."""
    found = []
    for number in range(FRAMES + 25):
        for camera in cameras:
            at = START_S + number / 5
            frame = FrameRef(camera.id, int(at * 1e6), at, 640, 480)
            plate = Detection("plate", 0.95, (100.0 + number, 200, 220.0 + number, 230), f"AB{camera.id:03d}CD")
            found.append(Observation(frame, "plates", (plate,) if number < FRAMES else (), "test"))
    return found


def keep_evidence(settings: Settings, seen: list[Observation]) -> None:
    evidence = FrameStore(settings).evidence
    picture = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    for observation in seen:
        if observation.detections:
            evidence.keep(observation.frame.camera_id, observation.frame.seq, encode_jpeg(picture))


def publish(messages: list[Observation]) -> None:
    lines = "\n".join(json.dumps(o.as_json()) for o in messages)
    command = [sys.executable, "-P", "-c", _PUBLISH]
    subprocess.run(command, input=lines.encode(), check=True, timeout=60)


def waiting(redis_client: redis.Redis) -> int:
    return sum(redis_client.xlen(keys.observations(shard)) for shard in range(EVENT_SHARDS))


def wait_until_judged(redis_client: redis.Redis) -> None:
    wait_until(lambda: not waiting(redis_client), "every observation is judged and covered by a checkpoint", 60)


def stored(settings: Settings) -> list[StoredEvent]:
    return EventStore(Database(settings)).page(EventFilter(), None, 500)


def assert_one_event_each(settings: Settings, cameras: list[Camera]) -> None:
    found = {e.event.camera_id: e for e in stored(settings)}
    assert len(stored(settings)) == len(found) == len(cameras)
    for camera in cameras:
        event = found[camera.id].event
        assert event.text == f"AB{camera.id:03d}CD"
        assert event.started_at == pytest.approx(START_S, abs=0.01)
        assert event.ended_at == pytest.approx(START_S + (FRAMES - 1) / 5, abs=0.01)


def test_doubled_and_disordered_messages_change_nothing(
    settings: Settings, redis_client: redis.Redis, cameras: list[Camera], workers: Children
) -> None:
    """Every message comes twice; the second copies come in any order, some before newer first ones."""
    seen = observations(cameras)
    keep_evidence(settings, seen)
    chance = random.Random(7)
    messages = list(seen)
    for observation in seen:
        messages.insert(chance.randrange(messages.index(observation) + 1, len(messages) + 1), observation)
    workers.start("worker", "-Q", QUEUES)
    publish(messages)
    wait_until_judged(redis_client)
    assert_one_event_each(settings, cameras)
    dropped = sum(int(v) for v in redis_client.hgetall(keys.JUDGE_DROPS).values())
    assert dropped == len(seen), "each second copy is dropped, and nothing else"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("checkpoint", [1, 9], ids=lambda n: f"checkpoint {n}")
def test_killed_at_a_checkpoint(
    settings: Settings, redis_client: redis.Redis, cameras: list[Camera], workers: Children, checkpoint: int, when: str
) -> None:
    """Between the events' rows and the checkpoint, or between the checkpoint and the end of the task."""
    seen = observations(cameras)
    keep_evidence(settings, seen)
    publish(seen)
    doomed = workers.start(
        when, str(checkpoint), "worker", "-Q", QUEUES, command=[sys.executable, "-P", "-c", _KILLED_AT_CHECKPOINT]
    )
    assert doomed.wait(60) == -signal.SIGKILL
    assert waiting(redis_client) > 0, "it died at work"
    workers.start("worker", "-Q", QUEUES)
    wait_until_judged(redis_client)
    assert_one_event_each(settings, cameras)
    assert not redis_client.hgetall(keys.JUDGE_DROPS)


def test_killed_at_random_moments(
    settings: Settings, redis_client: redis.Redis, cameras: list[Camera], workers: Children
) -> None:
    """Under load: observations come while workers die."""
    seen = observations(cameras)
    keep_evidence(settings, seen)
    chance = random.Random(3)
    parts = [seen[n : n + 74] for n in range(0, len(seen), 74)]
    worker = workers.start("worker", "-Q", QUEUES)
    for part in parts:
        publish(part)
        goal = chance.randrange(0, len(part))
        wait_until(lambda: waiting(redis_client) <= goal, "it is at work", 60)  # noqa: B023
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(10)
        worker = workers.start("worker", "-Q", QUEUES)
    wait_until_judged(redis_client)
    assert_one_event_each(settings, cameras)


def test_a_lost_message_costs_nothing(
    settings: Settings, redis_client: redis.Redis, cameras: list[Camera], workers: Children
) -> None:
    """A message popped by a worker that dies is gone from Redis: the observations are not."""
    seen = observations(cameras)
    publish(seen)
    redis_client.delete(*EVENT_QUEUES)
    workers.start("worker", "-Q", QUEUES)
    wait_until_judged(redis_client)
    assert_one_event_each(settings, cameras)


def test_snapshots_with_and_without_the_box(
    settings: Settings, redis_client: redis.Redis, cameras: list[Camera], workers: Children
) -> None:
    seen = observations(cameras[:1])
    keep_evidence(settings, seen)
    workers.start("worker", "-Q", QUEUES)
    publish(seen)
    wait_until_judged(redis_client)
    (event,) = stored(settings)
    assert event.snapshot is not None
    media = Media(settings.media_dir)
    boxed, plain = media.read(event.snapshot), media.read(plain_snapshot_path(event.snapshot))
    assert boxed is not None
    assert plain is not None
    with_box, without = decode_jpeg(boxed), decode_jpeg(plain)
    assert with_box is not None
    assert without is not None
    assert with_box.shape == without.shape == (480, 640, 3)
    x1, y1, x2, _ = (round(v) for v in event.event.box or ())
    edge = with_box[y1, x1 + 5 : x2 - 5].astype(int)
    assert (edge[:, 1] - edge[:, 2] > 80).mean() > 0.9, "the upper edge of the box is green"


@pytest.mark.usefixtures("settings")
def test_a_mixture_of_classes_is_refused_with_the_commands(tmp_path: Path) -> None:
    for command in (
        [sys.executable, "-P", "-m", "app.cli", "worker", "-Q", "plates,events.0,jobs"],
        [sys.executable, "-P", "-m", "celery", "-A", "tasks", "worker", "-Q", "plates,events.0,jobs"],
        [sys.executable, "-P", "-m", "celery", "-A", "tasks", "worker"],
    ):
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert run.returncode in {1, 2}, run.stderr
        assert run.stderr.count("celery -A tasks worker") == 3
        assert "-Q plates" in run.stderr


def test_events_that_redis_forgot_are_closed(
    settings: Settings, redis_client: redis.Redis, cameras: list[Camera], workers: Children
) -> None:
    """An event goes on, and Redis comes back empty: nobody would ever end it."""
    publish(observations(cameras)[: 4 * len(cameras)])
    worker = workers.start("worker", "-Q", QUEUES)
    wait_until(lambda: len(stored(settings)) == len(cameras), "every camera has an event", 60)
    worker.kill()
    redis_client.flushall()
    workers.start("worker", "-Q", QUEUES)
    wait_until(lambda: all(e.event.ended_at is not None for e in stored(settings)), "they are closed", 60)
    assert len(stored(settings)) == len(cameras)


def test_an_observation_that_cannot_be_judged_does_not_hold_up_its_shard(
    settings: Settings, redis_client: redis.Redis, cameras: list[Camera], workers: Children
) -> None:
    seen = observations(cameras)
    foreign = [replace(o, recognition="of another version") for o in seen[: len(cameras)]]
    workers.start("worker", "-Q", QUEUES)
    publish([*foreign, *seen])
    wait_until_judged(redis_client)
    assert_one_event_each(settings, cameras)
    assert sum(int(n) for n in redis_client.hgetall(keys.JUDGE_DROPS).values()) == len(foreign)
