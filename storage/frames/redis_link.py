"""The connection to the frames' Redis: while it is away, nobody waits for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis

from core.errors import CamrecError, UnavailableError
from core.redact import redact
from core.redis_client import connect_frames_redis
from core.settings import Settings

T = TypeVar("T")

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0
RETRY_S = 1.0


class FramesRedis:
    """A circuit breaker: the first call that fails waits; those after it fail at once, until a thread of its own has
    had an answer. So a hundred cameras' threads lose at most `TIMEOUT_S` each to a Redis that hangs, once.
    """

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected before the first call: Redis may come later, at another address."""
        self._settings = settings
        self._lock = threading.Lock()
        self._client: redis.Redis | None = None
        self._fault: str | None = None
        self._closed = threading.Event()

    def run(self, use: Callable[[redis.Redis], T]) -> T:
        """Whatever ``use`` gives.

        Raises:
            UnavailableError: Redis is away, full, or refuses.
        """
        self.check()
        try:
            return use(self._connected())
        except redis.ResponseError as error:
            raise UnavailableError(_refusal(error)) from None
        except (redis.RedisError, OSError) as error:
            raise UnavailableError(self._break(error)) from None

    def check(self) -> None:
        """Spare the caller what it would do before a call that fails.

        Raises:
            UnavailableError: Redis is away, as far as is known.
        """
        if self._fault is not None:
            raise UnavailableError(self._fault)

    def script(self, text: str, keys: Sequence[str], args: Sequence[str | bytes | int] = ()) -> Any:
        """What a Lua script answers; errors as `run`."""
        return self.run(lambda client: client.register_script(text)(keys, args))

    def close(self) -> None:
        """Disconnect."""
        self._closed.set()
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> redis.Redis:
        with self._lock:
            if self._client is None:
                self._client = connect_frames_redis(self._settings, TIMEOUT_S)
            return self._client

    def _break(self, error: Exception) -> str:
        fault = (
            f"The Redis of frames cannot be used ({redact(str(error))}): until it is back nothing is recognised or "
            "shown live; recording goes on. Check CAMREC_FRAMES_REDIS_URL and that server."
        )
        with self._lock:
            if self._fault is not None or self._closed.is_set():
                return fault
            self._fault = fault
        log.warning("%s", fault)
        threading.Thread(target=self._wait_until_back, name="frames-redis", daemon=True).start()
        return fault

    def _wait_until_back(self) -> None:
        while not self._closed.wait(RETRY_S):
            try:
                client = connect_frames_redis(self._settings, TIMEOUT_S)
                client.ping()
            except (redis.RedisError, OSError, CamrecError) as error:
                log.debug("The Redis of frames is still away: %s", redact(str(error)))
                continue
            with self._lock:
                self._client, self._fault = client, None
            log.info("The Redis of frames is back")
            return


def _refusal(error: redis.ResponseError) -> str:
    said = redact(str(error))
    if isinstance(error, redis.OutOfMemoryError) or "OOM" in said:
        return (
            "The Redis of frames is full: its maxmemory is reached. Set maxmemory to CAMREC_FRAME_MEMORY and a quarter "
            "more (and to what else is in it, where it is the broker, too), lower CAMREC_FRAME_MEMORY, or watch fewer "
            "cameras or streams of lower resolution (detect_url)."
        )
    return f"The Redis of frames refuses: {said}"
