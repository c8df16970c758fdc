"""No queued observation is lost and no event doubled: doubled, disordered and interrupted deliveries."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
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
from storage.frames.store import open_frame_store
from storage.media import Media, decode_jpeg, encode_jpeg, plain_snapshot_path
from storage.secrets import Secrets
from tests.support.processes import Children, children
from tests.support.waiting import wait_until

QUEUES = ",".join(EVENT_QUEUES)
START_S = 1_800_000_000.0
FRAMES = 12
PASS_S = 600.0
"""From one car to the next."""
HANDED_OVER_S = 5.0
"""Within which a worker that joined has its share."""

_PUBLISH = """
import json, sys
from core.redis_client import connect_redis
from core.settings import get_settings
from core.types import Observation
from tasks import app
from tasks.observations import ObservationLog

log = ObservationLog(connect_redis(get_settings()))
for line in sys.stdin:
    log.append([Observation.from_json(json.loads(line))], app)
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

PUBLISHER = [sys.executable, "-P", "-c", _PUBLISH]


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


def observations(cameras: list[Camera], start_s: float = START_S) -> list[Observation]:
    """One car passes each camera: a plate on each frame, then empty frames long enough for it to be gone."""
    found = []
    for number in range(FRAMES + 25):
        for camera in cameras:
            at = start_s + number / 5
            frame = FrameRef(camera.id, int(at * 1e6), at, 640, 480)
            plate = Detection("plate", 0.95, (100.0 + number, 200, 220.0 + number, 230), f"AB{camera.id:03d}CD")
            found.append(Observation(frame, "plates", (plate,) if number < FRAMES else (), "test"))
    return found


def keep_evidence(settings: Settings, seen: list[Observation]) -> None:
    evidence = open_frame_store(settings).evidence
    picture = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    for observation in seen:
        if observation.detections:
            evidence.keep(observation.frame.camera_id, observation.frame.seq, encode_jpeg(picture))


def publish(messages: list[Observation]) -> None:
    subprocess.run(PUBLISHER, input=as_lines(messages), check=True, timeout=60)


def as_lines(messages: list[Observation]) -> bytes:
    return b"".join(json.dumps(o.as_json()).encode() + b"\n" for o in messages)


def waiting(redis_client: redis.Redis) -> int:
    return sum(redis_client.xlen(keys.observations(shard)) for shard in range(EVENT_SHARDS))


def wait_until_judged(redis_client: redis.Redis) -> None:
    wait_until(lambda: not waiting(redis_client), "every observation is judged and covered by a checkpoint", 60)


def stored(settings: Settings) -> list[StoredEvent]:
    return EventStore(Database(settings)).page(EventFilter(), None, 10_000)


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


def test_workers_that_join_and_leave_under_load_share_the_shards(
    settings: Settings, redis_client: redis.Redis, cameras: list[Camera], workers: Children
) -> None:
    """Shards change hands between two checkpoints, while observations come all the time."""
    store = CameraStore(Database(settings), Secrets(settings.data))
    cameras = [*cameras, *(store.add(replace(cameras[0], id=0, name=f"more {n}")) for n in range(EVENT_SHARDS - 4))]
    passes = 0

    def feed() -> None:
        """More cars, until the workers have enough to do."""
        nonlocal passes
        while waiting(redis_client) < 2000:
            assert publisher.stdin is not None
            publisher.stdin.write(as_lines(observations(cameras, START_S + passes * PASS_S)))
            publisher.stdin.flush()
            passes += 1

    def shares_are(*expected: int) -> bool:
        """Of the workers, smallest first."""
        feed()
        held = redis_client.mget([keys.lease(f"events.{shard}") for shard in range(EVENT_SHARDS)])
        return sorted(Counter(filter(None, held)).values()) == list(expected)

    def live(count: int) -> bool:
        feed()
        return redis_client.zcard(keys.EVENT_WORKERS) == count

    with subprocess.Popen(PUBLISHER, stdin=subprocess.PIPE) as publisher:
        workers.start("worker", "-Q", QUEUES, "-n", "first@test")
        wait_until(lambda: shares_are(8), "one has all", 30)
        second = workers.start("worker", "-Q", QUEUES, "-n", "second@test")
        wait_until(lambda: live(2), "the second joins", 30)
        wait_until(lambda: shares_are(4, 4), "each has half", HANDED_OVER_S)
        workers.start("worker", "-Q", QUEUES, "-n", "third@test")
        wait_until(lambda: live(3), "the third joins", 30)
        wait_until(lambda: shares_are(2, 3, 3), "each has its share", HANDED_OVER_S)
        second.terminate()
        wait_until(lambda: shares_are(4, 4), "what the second gave up is taken", 10)
    wait_until_judged(redis_client)
    found = Counter(event.event.camera_id for event in stored(settings))
    assert found == {camera.id: passes for camera in cameras}
    assert not redis_client.hgetall(keys.JUDGE_DROPS), "nothing came twice, or in another order"
    assert "lost to another worker" not in workers.logs(), "each was handed over between two checkpoints"


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
