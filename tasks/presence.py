"""Signs of life of this worker, for `health` and the metrics."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Sequence

import redis

from core import keys
from core.clock import SystemClock
from core.redis_client import connect_redis
from core.settings import Settings

log = logging.getLogger(__name__)

INTERVAL_S = 2.0

_stop = threading.Event()
_thread: threading.Thread | None = None


def start(settings: Settings, name: str, worker_class: str, queues: Sequence[str], models: dict[str, str]) -> None:
    """Say every two seconds who this is, what it consumes and with which models."""
    global _thread  # noqa: PLW0603
    _stop.clear()
    sign = {
        "class": worker_class,
        "queues": list(queues),
        "models": models,
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
    while not _stop.wait(INTERVAL_S if sign.get("at") else 0):
        sign["at"] = clock.now()
        try:
            client.hset(keys.WORKERS, name, json.dumps(sign))
        except redis.RedisError as error:
            log.debug("no sign of life: %s", error)
    try:
        client.hdel(keys.WORKERS, name)
    except redis.RedisError as error:
        log.debug("sign of life not taken back: %s", error)
