"""Waits for messages of a channel of Redis, or for a while: they only say that the database has something new."""

from __future__ import annotations

import threading
from collections.abc import Callable

import redis
from redis.client import PubSub

from core.errors import UnavailableError


class Bell:
    """A subscription, made at the first wait and again after a failure. For one thread."""

    def __init__(
        self,
        connect: Callable[[], redis.Redis],
        channel: str,
        timeout_s: float,
        burst_s: float,
        stopped: threading.Event,
    ) -> None:
        """Nothing is connected yet.

        Args:
            connect: makes a client of Redis.
            channel: its name.
            timeout_s: longest wait; without Redis, every wait.
            burst_s: messages that come within so long of the first are one.
            stopped: ends waits without Redis.
        """
        self._connect, self._channel = connect, channel
        self._timeout_s, self._burst_s, self._stopped = timeout_s, burst_s, stopped
        self._pubsub: PubSub | None = None

    def wait(self) -> None:
        """Return when it has rung, or after the time."""
        try:
            if self._pubsub is None:
                self._pubsub = self._connect().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
                self._pubsub.subscribe(self._channel)
            if self._pubsub.get_message(timeout=self._timeout_s) is not None:
                self._stopped.wait(self._burst_s)
                while self._pubsub.get_message() is not None:
                    pass
        except (redis.RedisError, OSError, UnavailableError):
            self._pubsub = None
            self._stopped.wait(self._timeout_s)
