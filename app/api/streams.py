"""Answers that go on for long (MJPEG, server-sent events): a capped pool, so that they never starve the others."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator

from flask import Response, request

from app.api.errors import ApiError
from core.clock import Clock
from core.errors import UnavailableError

RETRY_AFTER_S = 5
RECHECK_S = 5.0
"""How often it is looked up whether the viewer may still watch."""


class Stream:
    """One such answer, seen from the generator that makes it: when to go on, and when to end."""

    def __init__(
        self, closing: threading.Event, is_allowed: Callable[[], bool], client: socket.socket | None, clock: Clock
    ) -> None:
        self._closing = closing
        self._is_allowed = is_allowed
        self._client = client
        self._clock = clock
        self._checked_at = clock.monotonic()

    def pause(self, duration_s: float) -> bool:
        """Wait that long, less when the process is to stop.

        Returns:
            Whether the stream is to end, as `is_over` has it.
        """
        self._closing.wait(duration_s)
        return self.is_over()

    def is_over(self) -> bool:
        """Whether the process is to stop, the client is gone or may no longer watch."""
        return self._closing.is_set() or self._is_client_gone() or not self._may_still_watch()

    def _is_client_gone(self) -> bool:
        """Whether its end of the connection is closed; nothing need be sent to find out."""
        if self._client is None or self._client.fileno() < 0:
            return self._client is not None
        poll = select.poll()
        poll.register(self._client, select.POLLRDHUP)
        return bool(poll.poll(0))

    def _may_still_watch(self) -> bool:
        if self._clock.monotonic() - self._checked_at <= RECHECK_S:
            return True
        self._checked_at = self._clock.monotonic()
        try:
            return self._is_allowed()
        except UnavailableError:
            return True  # who was let in stays while the database cannot say otherwise


class StreamPool:
    """At most ``capacity`` streams at once; a slot is free again when its answer is closed, for whatever cause."""

    def __init__(self, capacity: int, clock: Clock) -> None:
        self._slots = threading.BoundedSemaphore(capacity)
        self._capacity = capacity
        self._clock = clock
        self._lock = threading.Lock()
        self._open = 0
        self._closing = threading.Event()

    @property
    def open_count(self) -> int:
        """Streams open now."""
        return self._open

    def close(self) -> None:
        """End every stream soon, and begin no other."""
        self._closing.set()

    def answer(
        self, chunks: Callable[[Stream], Iterator[bytes]], mimetype: str, is_allowed: Callable[[], bool]
    ) -> Response:
        """An answer to this request that sends chunks as they come, while the client ``is_allowed``.

        Raises:
            ApiError: 503, all slots are taken.
        """
        if self._closing.is_set() or not self._slots.acquire(blocking=False):
            raise ApiError(
                503,
                "too_many_streams",
                f"All {self._capacity} streams are in use (CAMREC_API_STREAMS).",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._count(1)
        stream = Stream(self._closing, is_allowed, request.environ.get("gunicorn.socket"), self._clock)
        # nginx would hold the chunks back until its buffer is full.
        response = Response(chunks(stream), mimetype=mimetype, headers={"X-Accel-Buffering": "no"})
        response.call_on_close(self._release)
        return response

    def _release(self) -> None:
        self._count(-1)
        self._slots.release()

    def _count(self, change: int) -> None:
        with self._lock:
            self._open += change
