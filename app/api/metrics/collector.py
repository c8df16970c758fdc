"""Figures of the whole system, gathered from Redis and the database when Prometheus asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator

import redis
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from app.api.metrics import stored
from app.api.metrics.cameras import cameras
from app.api.metrics.families import Source, gauge
from app.api.metrics.processes import durations, leases, loads, supervised, workers
from app.api.metrics.queues import queues, redis_server
from app.api.services import Services
from core.errors import UnavailableError

_log = logging.getLogger(__name__)


class SystemCollector(Collector):
    """Reads everything anew at each scrape; what cannot be read is left out, and `camrec_up` says so."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._of_redis: dict[str, Source] = {
            "cameras": cameras,
            "queues": queues,
            "redis": redis_server,
            "workers": workers,
            "durations": durations,
            "leases": leases,
            "processes": loads,
            "disks": stored.disks,
            "copies": stored.copies,
        }
        self._others: dict[str, Source] = {
            "database": stored.database,
            "media": stored.media(services),
            "frame_store": stored.frame_store,
            "supervisor": supervised,
        }

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry would otherwise scrape once while it is built."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All metrics. Where Redis is away it is asked once, not by every source: each would wait for it."""
        ping_s = self._ping()
        yield gauge("camrec_redis_up", "Whether Redis answers", (), [((), float(ping_s is not None))])
        yield gauge(
            "camrec_redis_ping_seconds", "Time that Redis takes to answer", (), [] if ping_s is None else [((), ping_s)]
        )
        up: dict[str, bool] = {}
        for source, read in {**self._of_redis, **self._others}.items():
            metrics = None if ping_s is None and source in self._of_redis else self._read(source, read)
            up[source] = metrics is not None
            yield from metrics or ()
        yield gauge(
            "camrec_api_streams_open", "MJPEG and event streams open", (), [((), self._services.streams.open_count)]
        )
        yield gauge(
            "camrec_up",
            "Whether the figures of this source could be read",
            ("source",),
            (((source,), float(could)) for source, could in up.items()),
        )

    def _ping(self) -> float | None:
        started_s = time.monotonic()
        try:
            self._services.redis.ping()
        except (redis.RedisError, UnavailableError) as error:
            _log.warning("No figures of Redis: %s", error)
            return None
        return time.monotonic() - started_s

    def _read(self, source: str, read: Source) -> list[Metric] | None:
        try:
            return list(read(self._services))
        except Exception as error:  # noqa: BLE001  # the figures of the other sources must still be had
            expected = isinstance(error, (redis.RedisError, UnavailableError))
            _log.warning("No figures of %s: %s", source, error, exc_info=not expected)
            return None
