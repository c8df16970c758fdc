"""Signs of life of this worker, for `health` and the metrics."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Sequence
from typing import Any

import psutil
import redis

from core import keys
from core.clock import SystemClock
from core.redis_client import connect_redis
from core.settings import Settings
from tasks import frames

log = logging.getLogger(__name__)

INTERVAL_S = 2.0

_stop = threading.Event()
_thread: threading.Thread | None = None


def start(settings: Settings, name: str, worker_class: str, queues: Sequence[str]) -> None:
    """Say every two seconds who this is, what it consumes and with which models."""
    global _thread  # noqa: PLW0603
    _stop.clear()
    sign = {
        "class": worker_class,
        "queues": list(queues),
        "device": "cpu" if settings.gpu is None else f"gpu {settings.gpu}",
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    _thread = threading.Thread(target=_run, args=(settings, name, sign), name="presence", daemon=True)
    _thread.start()


def stop() -> None:
    """Say nothing more, and take the last sign back."""
    _stop.set()
    if _thread is not None:
        _thread.join(2 * INTERVAL_S)


def _run(settings: Settings, name: str, sign: dict[str, object]) -> None:
    client, clock = connect_redis(settings), SystemClock()
    _forget_the_dead(client)
    while not _stop.wait(INTERVAL_S if sign.get("at") else 0):
        # Models may come, go and be exchanged while the worker runs.
        sign |= {
            "at": clock.now(),
            "models": frames.models(),
            "missing": frames.missing(),
            "missing_for_cameras": frames.missing_for_cameras(),
        }
        try:
            client.hset(keys.WORKERS, name, json.dumps(sign))
        except redis.RedisError as error:
            log.debug("no sign of life: %s", error)
    try:
        client.hdel(keys.WORKERS, name)
    except redis.RedisError as error:
        log.debug("sign of life not taken back: %s", error)


def _forget_the_dead(client: redis.Redis) -> None:
    """Take back the signs of this machine's workers that were killed."""
    try:
        signs: Any = client.hgetall(keys.WORKERS)
        for name, raw in signs.items():
            sign = json.loads(raw)
            if sign.get("host") == socket.gethostname() and not psutil.pid_exists(int(sign.get("pid", 0))):
                client.hdel(keys.WORKERS, name)
    except redis.RedisError as error:
        log.debug("dead workers not forgotten: %s", error)
