"""Which machines of the installation serve their media, and where: each says so in Redis every few seconds."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import redis

from core import keys
from core.errors import UnavailableError
from core.redis_client import connect_redis
from core.settings import Settings
from core.signs_of_life import SILENT_AFTER_S, redis_time

ANNOUNCE_INTERVAL_S = 2.0
REDIS_TIMEOUT_S = 2.0
_KNOWN_FOR_S = 2.0


@dataclass(frozen=True, slots=True)
class MediaNode:
    """A machine that serves its media, or did."""

    name: str
    url: str
    silent_s: float
    """Since its last sign of life."""

    @property
    def is_alive(self) -> bool:
        """Whether it is worth asking."""
        return self.silent_s < SILENT_AFTER_S


class MediaNodes:
    """What the machines say. Times are those of Redis's clock: those of the machines need not agree. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asking = threading.Lock()
        self._known: dict[str, MediaNode] | None = None
        self._known_until_s = 0.0

    def announce(self, name: str, url: str) -> None:
        """Say that a machine serves its media there; now and then.

        Raises:
            redis.RedisError: Redis cannot be used now.
            UnavailableError: there is no Redis.
        """
        with connect_redis(self._settings, REDIS_TIMEOUT_S) as client:
            client.hset(keys.MEDIA_NODES, name, json.dumps({"url": url, "at": redis_time(client)}))

    def forget(self, name: str) -> None:
        """It will not come back. Errors are those of `announce`."""
        with connect_redis(self._settings, REDIS_TIMEOUT_S) as client:
            client.hdel(keys.MEDIA_NODES, name)
            client.hdel(keys.OBJECTS, name)

    def all(self) -> dict[str, MediaNode]:
        """Those that ever said so, as of the last seconds; while Redis is away, as of before.

        Raises:
            UnavailableError: Redis cannot be asked, and never could.
        """
        # One asks; the others wait for it only where nothing is known yet.
        if not self._is_fresh() and self._asking.acquire(blocking=self._known is None):
            try:
                if not self._is_fresh():
                    with suppress(redis.RedisError, UnavailableError):
                        self._known = self._ask()
                    self._known_until_s = time.monotonic() + _KNOWN_FOR_S
            finally:
                self._asking.release()
        if self._known is None:
            raise UnavailableError("Redis cannot be asked on which machine media lie.")
        return self._known

    def _is_fresh(self) -> bool:
        """What is known, or that nothing is."""
        return time.monotonic() < self._known_until_s

    def _ask(self) -> dict[str, MediaNode]:
        with connect_redis(self._settings, REDIS_TIMEOUT_S) as client:
            now, signs = redis_time(client), client.hgetall(keys.MEDIA_NODES)
        found = {}
        for raw_name, raw in signs.items():
            name, said = raw_name.decode(), json.loads(raw)
            found[name] = MediaNode(name, said["url"], now - said["at"])
        return found
