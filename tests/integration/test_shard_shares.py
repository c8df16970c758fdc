"""Which event workers count as alive, in a real Redis."""

from __future__ import annotations

import json

import pytest
import redis

from core import keys
from tasks.shard_shares import ShardShares
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

SHARDS = set(range(8))


def test_a_clock_that_is_set_back_keeps_no_dead_worker_alive(redis_client: redis.Redis) -> None:
    seconds, _ = redis_client.time()
    dead = json.dumps(["dead", sorted(SHARDS)])
    redis_client.zadd(keys.EVENT_WORKERS, {dead: (seconds + 3600) * 1000})  # before it was set back by an hour
    alive = ShardShares(redis_client, "alive", SHARDS, lifetime_s=0.5)
    assert len(alive.plan()) == 4
    wait_until(lambda: alive.plan() == SHARDS, "it has the shards of both", 3.0)
