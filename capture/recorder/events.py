"""Tells recorders of events: Redis says at once that there is one, the database which."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import redis
from redis.client import PubSub

from core.errors import CamrecError, UnavailableError
from core.keys import EVENTS_CHANGED
from core.types import Event
from storage.events import EventFilter, EventStore, Position

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 2.0
"""Without Redis, events are seen after so long."""
RETRY_S = 2.0
_BATCH = 500
_LOOK_BACK_S = 60.0
"""At start: events younger than this may still go on."""


class EventWatcher:
    """A thread that hands events on as they are written."""

    def __init__(
        self, events: EventStore, connect: Callable[[], redis.Redis], heard: Callable[[Event, float], None]
    ) -> None:
        """Idle until `start`.

        Args:
            events: in the database.
            connect: makes a client of Redis.
            heard: is given each event that was written, and when it was.
        """
        self._events, self._connect, self._heard = events, connect, heard
        self._position: Position = (time.time() - _LOOK_BACK_S, "")
        self._pubsub: PubSub | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recording-events", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it may be waiting for the database, and is a daemon."""
        self._stopped.set()

    def _run(self) -> None:
        is_broken = False
        while not self._stopped.is_set():
            try:
                self._look()
            except Exception as error:  # whatever it is: without this thread no event is recorded
                if not is_broken:
                    unexpected = not isinstance(error, CamrecError)
                    log.warning("Events to record cannot be read: %s", error, exc_info=unexpected)
                is_broken = True
                self._stopped.wait(RETRY_S)
            else:
                is_broken = False
                self._wait_for_message()

    def _look(self) -> None:
        while found := self._events.changed_since(EventFilter(), self._position, _BATCH):
            for stored in found:
                self._position = (stored.changed_at, stored.event.id)
                self._heard(stored.event, stored.changed_at)

    def _wait_for_message(self) -> None:
        try:
            if self._pubsub is None:
                self._pubsub = self._connect().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
                self._pubsub.subscribe(EVENTS_CHANGED)
            self._pubsub.get_message(timeout=POLL_INTERVAL_S)
            while self._pubsub.get_message() is not None:
                pass
        except (redis.RedisError, OSError, UnavailableError):
            self._pubsub = None
            self._stopped.wait(POLL_INTERVAL_S)
