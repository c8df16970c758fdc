"""Counters of single cameras in Redis, and when they saw something, which would outlive their cameras."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import redis

from core import keys

_HASHES = (keys.SERVED, keys.SEEN, keys.WORKER_DROPS, keys.JUDGE_DROPS)


def forget_removed_cameras(client: redis.Redis, known_ids: Callable[[], Collection[int]]) -> int:
    """Remove the counters of cameras that are gone. A frame under way may bring one back, until the next time.

    Args:
        client: of the installation's Redis.
        known_ids: the cameras that there are. Asked after the counters are read, or one that was added meanwhile
            would lose its own.

    Returns:
        Counters that were removed.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    fields: dict[str, Any] = {key: client.hkeys(key) for key in _HASHES}
    known = {str(camera_id).encode() for camera_id in known_ids()}
    pipeline = client.pipeline(transaction=False)
    for key, names in fields.items():
        if gone := [name for name in names if _camera_id(name) not in known]:
            pipeline.hdel(key, *gone)
    return sum(pipeline.execute())


def _camera_id(field: bytes) -> bytes:
    """``<recognition>:<camera id>`` and perhaps more; what is built otherwise is nobody's."""
    return b"".join(field.split(b":")[1:2])
