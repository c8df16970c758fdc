"""The API's connection to Redis, which may come later than the API and change its address."""

from __future__ import annotations

import threading

import redis

from app.api.errors import RedisUnavailableError
from core.errors import UnavailableError
from core.redis_client import connect_redis
from core.settings import Settings

REDIS_TIMEOUT_S = 2.0
"""Somebody waits for the answer."""


class RedisLink:
    """A client of the Redis that the settings name now: the embedded one gets a new address at each start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._url = ""
        self._client: redis.Redis | None = None

    def client(self) -> redis.Redis:
        """The client, shared by all threads.

        Raises:
            RedisUnavailableError: there is no Redis to connect to.
        """
        try:
            url = self._settings.resolve_redis_url()
        except UnavailableError as error:
            raise RedisUnavailableError(str(error)) from None
        with self._lock:
            if self._client is None or url != self._url:
                self._client, self._url = connect_redis(self._settings, REDIS_TIMEOUT_S), url
            return self._client
