"""Observations of a batch go out together, into a real Redis."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from celery import Celery

from core import keys
from core.recognitions import EVENT_QUEUES, EVENT_SHARDS
from core.types import Detection, FrameRef, Observation
from tasks import observations as observations_module
from tasks.observations import ObservationLog

pytestmark = pytest.mark.integration


@pytest.fixture
def app(redis_url: str) -> Celery:
    return Celery(broker=redis_url)


def seen_by(*camera_ids: int) -> list[Observation]:
    person = Detection("person", 0.9, (1.0, 2.0, 3.0, 4.0))
    return [Observation(FrameRef(c, 1, 1000.0, 640, 360), "reid", (person,), "m") for c in camera_ids]


def told(client: redis.Redis) -> dict[int, int]:
    """Shard → messages for its worker."""
    lengths: dict[int, Any] = {shard: client.llen(queue) for shard, queue in enumerate(EVENT_QUEUES)}
    return {shard: length for shard, length in lengths.items() if length}


def test_each_shard_gets_its_own_and_is_told_once(redis_client: redis.Redis, app: Celery) -> None:
    log, several = ObservationLog(redis_client), seen_by(1, 2, 1 + EVENT_SHARDS)
    assert log.append(several, app) == [True, True, True]
    assert [w.observation for w in log.read(1, "0", 10)] == [several[0], several[2]]
    assert [w.observation for w in log.read(2, "0", 10)] == [several[1]]
    assert told(redis_client) == {1: 1, 2: 1}
    assert log.append(seen_by(2), app) == [True]
    assert told(redis_client) == {1: 1, 2: 1}, "the message that waits stands for it"
    log.clear_token(2)
    log.append(seen_by(2), app)
    assert told(redis_client) == {1: 1, 2: 2}


def test_a_full_shard_takes_none_and_keeps_none_from_the_others(
    redis_client: redis.Redis, app: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observations_module, "MAX_WAITING", 2)
    log = ObservationLog(redis_client)
    assert log.append(seen_by(1, 1, 1, 2), app) == [True, True, False, True]
    assert (log.waiting(1), log.waiting(2)) == (2, 1)


def test_what_no_message_tells_of_is_in_all_the_same(redis_client: redis.Redis) -> None:
    log, away = ObservationLog(redis_client), Celery(broker="redis://127.0.0.1:9/0")
    away.conf.broker_transport_options = {"socket_connect_timeout": 0.2}
    assert log.append(seen_by(1), away) == [True]
    assert log.waiting(1) == 1
    assert redis_client.pttl(keys.token("events", 1)) != -1, "the token ends, and then another message may be sent"


def test_nothing_is_known_of_a_redis_that_is_away(app: Celery) -> None:
    away = redis.Redis(port=9, socket_connect_timeout=0.2)
    with pytest.raises(redis.RedisError):
        ObservationLog(away).append(seen_by(1), app)
