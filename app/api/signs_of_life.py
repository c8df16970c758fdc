"""Processes that say now and then, in a hash in Redis, that they live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis

from core import keys
from core.signs_of_life import SILENT_AFTER_S, clock_offset_s, is_gone, redis_time, said_at, signs_of_life

if TYPE_CHECKING:
    from app.api.services import Services


def alive(client: redis.Redis, key: str) -> dict[str, dict[str, Any]]:
    """Name → last sign of life of those that live; a process of this machine that is gone is dead at once.

    Args:
        client: of the Redis that holds the hash.
        key: of the hash.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    signs = signs_of_life(client, key)
    now = redis_time(client)
    return {n: s for n, s in signs.items() if now - said_at(s) < SILENT_AFTER_S and not is_gone(s)}


def clock_offsets(services: Services) -> dict[str, float]:
    """Node → seconds that its clock is ahead of Redis's: of this one, and of all that give signs of life.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    client = services.redis
    found = {services.settings.node: clock_offset_s(client, services.clock)}
    for key in (keys.WORKERS, keys.CAPTURE_NODES):
        for name, sign in alive(client, key).items():
            found[name.rpartition("@")[2]] = float(sign.get("clock_offset_s", 0.0))
    return found


def missing_models(client: redis.Redis) -> dict[str, str]:
    """Recognition → why a worker cannot recognise, with the command that brings the model.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    workers = alive(client, keys.WORKERS).values()
    return {kind: text for worker in workers for kind, text in (worker.get("missing") or {}).items()}


def models_missing_for_cameras(client: redis.Redis) -> dict[int, dict[str, str]]:
    """Camera → recognition → why the models that were chosen for the camera cannot be used.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    found: dict[int, dict[str, str]] = {}
    for worker in alive(client, keys.WORKERS).values():
        for kind, cameras in (worker.get("missing_for_cameras") or {}).items():
            for camera_id, text in cameras.items():
                found.setdefault(int(camera_id), {})[kind] = text
    return found


def as_text(raw: bytes | str) -> str:
    """What Redis answered, as text."""
    return raw if isinstance(raw, str) else raw.decode(errors="replace")
