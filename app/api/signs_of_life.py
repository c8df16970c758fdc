"""Processes that say now and then, in a hash in Redis, that they live."""

from __future__ import annotations

import json
import socket
from typing import Any

import psutil
import redis

from core import keys

SILENT_AFTER_S = 8.0
"""Who has said nothing for so long is taken for dead."""


def alive(client: redis.Redis, key: str, now: float) -> dict[str, dict[str, Any]]:
    """Name → last sign of life of those that live; a process of this machine that is gone is dead at once.

    Args:
        client: of the Redis that holds the hash.
        key: of the hash name → JSON with ``at``, seconds since the epoch.
        now: seconds since the epoch.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    signs = {as_text(name): json.loads(raw) for name, raw in client.hgetall(key).items()}
    return {n: s for n, s in signs.items() if now - float(s.get("at", 0)) < SILENT_AFTER_S and not _is_gone(s)}


def missing_models(client: redis.Redis, now: float) -> dict[str, str]:
    """Recognition → why a worker cannot recognise, with the command that brings the model.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    workers = alive(client, keys.WORKERS, now).values()
    return {kind: text for worker in workers for kind, text in (worker.get("missing") or {}).items()}


def models_missing_for_cameras(client: redis.Redis, now: float) -> dict[int, dict[str, str]]:
    """Camera → recognition → why the models that were chosen for the camera cannot be used.

    Raises:
        redis.RedisError: Redis cannot be asked.
    """
    found: dict[int, dict[str, str]] = {}
    for worker in alive(client, keys.WORKERS, now).values():
        for kind, cameras in (worker.get("missing_for_cameras") or {}).items():
            for camera_id, text in cameras.items():
                found.setdefault(int(camera_id), {})[kind] = text
    return found


def _is_gone(sign: dict[str, Any]) -> bool:
    return sign.get("host") == socket.gethostname() and not psutil.pid_exists(int(sign.get("pid", 0)))


def as_text(raw: bytes | str) -> str:
    """What Redis answered, as text."""
    return raw if isinstance(raw, str) else raw.decode(errors="replace")
