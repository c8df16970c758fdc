"""Signs of life of this worker, and what it has counted, for `health` and the metrics."""

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
from core.figures import REGISTRY
from core.process_load import process_load
from core.redis_client import connect_redis
from core.settings import Settings
from core.signs_of_life import clock_offset_s, forget_old_signs, is_gone, signs_of_life
from storage.frames.store import FrameStoreName
from tasks import frames

log = logging.getLogger(__name__)

INTERVAL_S = 2.0

_stop = threading.Event()
_thread: threading.Thread | None = None


def start(
    settings: Settings, name: str, worker_class: str, queues: Sequence[str], frame_store: FrameStoreName | None
) -> None:
    """Say every two seconds who this is, what it consumes, with which models, and from which frame store, if any."""
    global _thread  # noqa: PLW0603
    _stop.clear()
    sign = {
        "class": worker_class,
        "queues": list(queues),
        "device": "cpu" if settings.gpu is None else f"gpu {settings.gpu}",
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    _thread = threading.Thread(target=_run, args=(settings, name, sign, frame_store), name="presence", daemon=True)
    _thread.start()


def stop() -> None:
    """Say nothing more, and take the last sign back."""
    _stop.set()
    if _thread is not None:
        _thread.join(2 * INTERVAL_S)


def _run(settings: Settings, name: str, sign: dict[str, object], frame_store: FrameStoreName | None) -> None:
    client, clock = connect_redis(settings), SystemClock()
    _forget_the_dead(client)
    told: set[str] = set()
    while not _stop.wait(INTERVAL_S if sign.get("at") else 0):
        try:
            # Models may come, go and be exchanged while the worker runs.
            sign |= {
                "at": clock.now(),
                "models": frames.models(),
                "missing": frames.missing(),
                "missing_for_cameras": frames.missing_for_cameras(),
                "load": process_load(),
                "frame_store": frame_store.ask() if frame_store is not None else None,
            }
            sign["clock_offset_s"] = clock_offset_s(client, clock)
            client.hset(keys.WORKERS, name, json.dumps(sign))
            told = _tell_of_other_stores(client, sign["frame_store"], told)
            REGISTRY.flush(client)
        except redis.RedisError as error:
            log.debug("no sign of life: %s", error)
        except Exception:  # without this thread the worker would look dead
            log.exception("No sign of life could be given")
    try:
        client.hdel(keys.WORKERS, name)
        REGISTRY.flush(client)
    except redis.RedisError as error:
        log.debug("sign of life not taken back: %s", error)


def _tell_of_other_stores(client: redis.Redis, own: object, told: set[str]) -> set[str]:
    """Log once which capture nodes write to another frame store than this worker reads; returns those."""
    theirs = {node: sign.get("frame_store") for node, sign in signs_of_life(client, keys.CAPTURE_NODES).items()}
    others = {node for node, store in theirs.items() if own is not None and store not in {None, own}}
    for node in sorted(others - told):
        log.error(
            "Frames of capture node %s are not seen here, and their events have no pictures: it writes to %s, this "
            "worker reads %s. Capture, workers and API on several machines need CAMREC_FRAME_TRANSPORT=redis and one "
            "CAMREC_FRAMES_REDIS_URL in all of them.",
            node, theirs[node], own,
        )  # fmt: skip
    return others


def _forget_the_dead(client: redis.Redis) -> None:
    """Take back the signs of this machine's workers that were killed, and those of machines long gone."""
    try:
        signs = forget_old_signs(client, keys.WORKERS)
        if gone := [name for name, sign in signs.items() if is_gone(sign)]:
            client.hdel(keys.WORKERS, *gone)
    except redis.RedisError as error:
        log.debug("dead workers not forgotten: %s", error)
