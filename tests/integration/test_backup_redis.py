"""What judges know goes along in a backup: an event that goes on at the time is one event on the new machine, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from core import keys
from core.clock import SystemClock
from core.errors import CamrecError
from core.lease import Lease
from core.recognitions import EVENT_QUEUES, EVENT_SHARDS
from core.settings import Settings, get_settings, load_settings
from core.types import Detection, FrameRef, Observation
from storage.backup.archive import read_head
from storage.backup.backup import back_up
from storage.backup.redis_state import REDIS_STATE, load_redis_state, read_redis_state
from storage.backup.restore import restore
from storage.camera import Camera, CameraRecognition
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventFilter, EventStore, StoredEvent
from storage.secrets import Secrets
from tests.support.processes import children
from tests.support.waiting import wait_until

START_S = 1_800_000_000.0
FRAMES = 24
SHARD = 1


@pytest.fixture
def camera(settings: Settings) -> Camera:
    database = Database(settings)
    database.migrate()
    store = CameraStore(database, Secrets(settings.data))
    camera = store.add(Camera(0, "gate", "rtsp://127.0.0.1:1/x", recognitions=(CameraRecognition("plates", 5.0),)))
    assert camera.id % EVENT_SHARDS == SHARD
    return camera


def publish(client: redis.Redis, camera: Camera, numbers: range) -> None:
    """Frames of a car that passes, and then is gone; the workers look into the stream by themselves."""
    for number in numbers:
        at = START_S + number / 5
        plate = Detection("plate", 0.95, (100.0 + number, 200, 220.0 + number, 230), "AB123CD")
        frame = FrameRef(camera.id, int(at * 1e6), at, 640, 480)
        seen = Observation(frame, "plates", (plate,) if number < FRAMES else (), "test")
        client.xadd(keys.observations(SHARD), {"observation": json.dumps(seen.as_json())})


def judge(client: redis.Redis, folder: Path) -> None:
    """A real worker judges all that waits, and is killed."""
    folder.mkdir()
    with children(folder) as workers:
        workers.start("worker", "-Q", ",".join(EVENT_QUEUES))
        wait_until(lambda: not client.xlen(keys.observations(SHARD)), "all is judged", 60)


def stored(settings: Settings) -> list[StoredEvent]:
    return EventStore(Database(settings)).page(EventFilter(), None, 10)


def test_an_event_that_went_on_at_the_backup_ends_as_one(
    settings: Settings, redis_client: redis.Redis, camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(redis_client, f"events.{SHARD}", "an earlier worker", 6.0)
    for _ in range(3):
        lease.acquire()
        lease.release()
    publish(redis_client, camera, range(FRAMES // 2))
    judge(redis_client, tmp_path / "here")
    (before,) = stored(settings)
    assert before.event.ended_at is None
    assert back_up(settings, tmp_path / "backup", SystemClock()).redis_missing is None
    redis_client.flushall()  # the new machine's is empty

    restore(settings, tmp_path / "backup", tmp_path / "there")
    monkeypatch.setenv("CAMREC_DATA", str(tmp_path / "there"))
    get_settings.cache_clear()
    there = get_settings()
    publish(redis_client, camera, range(FRAMES // 2, FRAMES + 25))
    judge(redis_client, tmp_path / "new machine")
    (after,) = stored(there)
    assert after.event.id == before.event.id
    assert after.event.started_at == pytest.approx(START_S)
    assert after.event.ended_at == pytest.approx(START_S + (FRAMES - 1) / 5)
    assert not (tmp_path / "there" / REDIS_STATE).exists(), "loaded once"


def put_state(client: redis.Redis, shard: int, epoch: int, text: str) -> None:
    client.set(keys.lease_epoch(f"events.{shard}"), epoch)
    client.hset(keys.checkpoint(shard), "plates:1", text)


def test_what_redis_knows_already_is_left_alone(settings: Settings, redis_client: redis.Redis, tmp_path: Path) -> None:
    put_state(redis_client, 1, 7, "of the backup")
    put_state(redis_client, 2, 8, "of the backup")
    (tmp_path / REDIS_STATE).write_text(json.dumps(read_redis_state(settings)))
    redis_client.flushall()
    put_state(redis_client, 2, 3, "of now")
    assert load_redis_state(tmp_path, redis_client)
    found = read_redis_state(settings)
    assert found["1"] == {"epoch": 7, "checkpoint": {"plates:1": "of the backup"}}
    assert found["2"] == {"epoch": 3, "checkpoint": {"plates:1": "of now"}}
    assert not load_redis_state(tmp_path, redis_client), "once"


@pytest.mark.parametrize("content", ["", "[]", "{}x", '{"a": {}}', '{"1": {"epoch": "x", "checkpoint": {}}}', "\xff"])
def test_a_broken_file_is_told(redis_client: redis.Redis, tmp_path: Path, content: str) -> None:
    (tmp_path / REDIS_STATE).write_text(content, "latin-1")
    with pytest.raises(CamrecError, match="delete it"):
        load_redis_state(tmp_path, redis_client)


def test_without_redis_the_backup_is_made_and_says_so(settings: Settings, camera: Camera, tmp_path: Path) -> None:
    environ = {"CAMREC_DATA": str(settings.data), "CAMREC_REDIS_URL": "redis://:s3cret@127.0.0.1:1/0"}
    made = back_up(load_settings(environ, tmp_path / "no.env"), tmp_path / "backup", SystemClock())
    assert "Redis cannot be reached" in str(made.redis_missing)
    assert "s3cret" not in str(made.redis_missing)
    assert read_head(tmp_path / "backup", None).about["redis_missing"] == made.redis_missing
    restore(settings, tmp_path / "backup", tmp_path / "there")
    assert not (tmp_path / "there" / REDIS_STATE).exists()
