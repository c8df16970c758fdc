"""What waits in Redis, how long it has waited, and Redis itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from prometheus_client.core import Metric

from app.api.metrics.families import Samples, gauge
from app.api.services import Services
from core import keys
from core.recognitions import EVENT_QUEUES, EVENT_SHARDS, FRAME_QUEUES, JOB_QUEUES

_QUEUES = (*FRAME_QUEUES, *EVENT_QUEUES, *JOB_QUEUES)
_SHARDS = tuple(str(shard) for shard in range(EVENT_SHARDS))


def queues(services: Services) -> Iterator[Metric]:
    """Messages and observations that wait, how many and since when."""
    pipeline = services.redis.pipeline(transaction=False)
    pipeline.time()
    for queue in _QUEUES:
        pipeline.llen(queue)
    for queue in _QUEUES:
        pipeline.lindex(queue, -1)  # Celery pushes to the left and takes from the right
    for shard in range(EVENT_SHARDS):
        pipeline.xlen(keys.observations(shard))
    for shard in range(EVENT_SHARDS):
        pipeline.xrange(keys.observations(shard), count=1)
    answers: Iterator[Any] = iter(pipeline.execute())
    seconds, microseconds = next(answers)
    now = seconds + microseconds / 1e6
    lengths, oldest = [next(answers) for _ in _QUEUES], [next(answers) for _ in _QUEUES]
    waiting, first = [next(answers) for _ in _SHARDS], [next(answers) for _ in _SHARDS]
    yield gauge("camrec_queue_length", "Messages that wait", ("queue",), _labelled(_QUEUES, lengths))
    yield gauge(
        "camrec_queue_oldest_seconds",
        "Age of the message that waits longest, 0 where none waits",
        ("queue",),
        [
            ((queue,), age)
            for queue, raw in zip(_QUEUES, oldest, strict=True)
            if (age := _message_age_s(raw, now)) is not None
        ],
    )
    yield gauge("camrec_observations_waiting", "Observations not judged yet", ("shard",), _labelled(_SHARDS, waiting))
    yield gauge(
        "camrec_observations_oldest_seconds",
        "Age of the observation that waits longest to be judged, 0 where none waits",
        ("shard",),
        _labelled(_SHARDS, [_entry_age_s(entries, now) for entries in first]),
    )


def redis_server(services: Services) -> Iterator[Metric]:
    """Memory of the Redis server, which holds every queue."""
    memory: Any = services.redis.info("memory")
    yield gauge(
        "camrec_redis_memory_bytes",
        "Memory of Redis; limit 0: it may take what there is",
        ("kind",),
        [(("used",), memory["used_memory"]), (("limit",), memory.get("maxmemory", 0))],
    )


def _labelled(names: tuple[str, ...], values: list[float]) -> Samples:
    return [((name,), value) for name, value in zip(names, values, strict=True)]


def _message_age_s(raw: bytes | None, now: float) -> float | None:
    """None: the message is not one of ours."""
    if raw is None:
        return 0.0
    try:
        return max(0.0, now - float(json.loads(raw)["headers"][keys.SENT_AT]))
    except (ValueError, TypeError, KeyError):
        return None


def _entry_age_s(entries: list[tuple[bytes, Any]], now: float) -> float:
    """A stream's entries bear the time of Redis in milliseconds in their ids."""
    return max(0.0, now - int(entries[0][0].partition(b"-")[0]) / 1000) if entries else 0.0
