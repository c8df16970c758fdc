"""Signs of life: hashes in Redis, name → JSON with ``at`` (seconds since the epoch), ``host``, ``pid`` and more.

Hosts' clocks may differ, so each sign says its ``clock_offset_s``, too.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

import psutil
import redis

from core.clock import Clock

SILENT_AFTER_S = 8.0
"""Who has said nothing for so long is taken for dead."""
FORGOTTEN_AFTER_S = 3600.0
"""Hosts of containers have another name at each start: their last signs would stay for ever."""

Sign = dict[str, Any]


def signs_of_life(client: redis.Redis, key: str) -> dict[str, Sign]:
    """Name → its last sign.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    found: Any = client.hgetall(key)
    return {name.decode(errors="replace"): json.loads(raw) for name, raw in found.items()}


def forget_old_signs(client: redis.Redis, key: str) -> dict[str, Sign]:
    """Remove signs of long ago, and give the others as `signs_of_life` does.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    signs, oldest = signs_of_life(client, key), redis_time(client) - FORGOTTEN_AFTER_S
    old = [name for name, sign in signs.items() if said_at(sign) < oldest]
    if old:
        client.hdel(key, *old)
    return {name: sign for name, sign in signs.items() if name not in old}


def redis_time(client: redis.Redis) -> float:
    """Seconds since the epoch, by Redis's clock.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6


def clock_offset_s(client: redis.Redis, clock: Clock) -> float:
    """How far a clock is ahead of Redis's, to half a round trip.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    before = clock.now()
    theirs = redis_time(client)
    return round((before + clock.now()) / 2 - theirs, 3)


def said_at(sign: Mapping[str, Any]) -> float:
    """When a sign was given, by Redis's clock."""
    return float(sign.get("at", 0.0)) - float(sign.get("clock_offset_s", 0.0))


def is_gone(sign: Mapping[str, Any]) -> bool:
    """Whether it is of a process of this machine that runs no more."""
    return sign.get("host") == socket.gethostname() and not psutil.pid_exists(int(sign.get("pid", 0)))
