"""Which shards are for this event worker: those that live share them, and see the same plan."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import redis

from core import keys
from core.assignment import Capacity, assign

_ANNOUNCE = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local until_ms = now_ms + ARGV[2]
redis.call('ZADD', KEYS[1], until_ms, ARGV[1])
for _, sign in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. until_ms, '+inf')) do
  redis.call('ZADD', KEYS[1], until_ms, sign) -- the clock was set back since
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


class ShardShares:
    """One worker's view. Who lives is told by Redis's clock, so the clocks of the hosts do not matter."""

    def __init__(self, client: redis.Redis, worker: str, shards: Iterable[int], lifetime_s: float) -> None:
        """Nothing is asked yet.

        Args:
            client: of Redis.
            worker: the holder of its leases.
            shards: those whose queues it may consume.
            lifetime_s: for which it counts as alive after each `plan`.
        """
        self._client, self._worker, self._shards = client, worker, sorted(shards)
        self._lifetime_ms = round(lifetime_s * 1000)
        self._sign = json.dumps([worker, self._shards])
        self._announce = client.register_script(_ANNOUNCE)

    def plan(self) -> set[int]:
        """Say that this worker lives; returns the shards that it should have.

        Raises:
            redis.RedisError: Redis cannot be asked.
        """
        signs = self._announce(keys=[keys.EVENT_WORKERS], args=[self._sign, self._lifetime_ms])
        held: Any = self._client.mget([keys.lease(f"events.{shard}") for shard in self._shards])
        holders = {shard: raw.decode() for shard, raw in zip(self._shards, held, strict=True) if raw is not None}
        return plan(self._worker, self._shards, dict(map(json.loads, signs)), holders)

    def leave(self) -> None:
        """It lives no more.

        Raises:
            redis.RedisError: Redis cannot be asked.
        """
        self._client.zrem(keys.EVENT_WORKERS, self._sign)


def plan(worker: str, shards: Iterable[int], workers: dict[str, list[int]], holders: dict[int, str]) -> set[int]:
    """The shards for a worker; the same arguments give every worker the same plan.

    Args:
        worker: for whom.
        shards: those that it may have.
        workers: worker that lives, this one too → shards that it may have.
        holders: shard → worker that has it.
    """
    # Shards are shared evenly among exactly those that may have them: so none is left without a worker.
    groups: dict[frozenset[str], list[int]] = defaultdict(list)
    for shard in shards:
        groups[frozenset(name for name, its in workers.items() if shard in its)].append(shard)
    mine: set[int] = set()
    for candidates, group in groups.items():
        planned = assign(group, dict.fromkeys(candidates, Capacity()), holders)
        mine |= {shard for shard, name in planned.items() if name == worker}
    return mine
