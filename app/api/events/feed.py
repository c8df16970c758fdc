"""Events as they are written, for the live feed."""

from __future__ import annotations

import logging
import threading

import redis

from app.api.redis_link import RedisLink
from core import keys
from core.clock import Clock
from core.errors import UnavailableError
from storage.events import EventFilter, EventStore, Position, StoredEvent

POLL_S = 2.0
"""How often the database is looked at when nobody rings."""

SETTLE_S = 10.0
"""A writer stamps an event and may then wait for the database's lock: for so long a later look may find an event that
is stamped earlier than others that were seen already. Longer than any such wait."""

MAX_BATCH = 1000

_log = logging.getLogger(__name__)


class EventBell:
    """Rings for all waiting feeds of this process when an event was written: one subscription for all of them."""

    def __init__(self, redis_link: RedisLink) -> None:
        self._redis_link = redis_link
        self._rung = threading.Condition()
        self._rings = 0
        self._thread: threading.Thread | None = None

    def wait(self, seen: int, timeout_s: float = POLL_S) -> int:
        """Return when it has rung since it had rung ``seen`` times, or after ``timeout_s``.

        Returns:
            How often it has rung: the next call's ``seen``.
        """
        self._listen()
        with self._rung:
            self._rung.wait_for(lambda: self._rings != seen, timeout_s)
            return self._rings

    def ring(self) -> None:
        """Wake every feed."""
        with self._rung:
            self._rings += 1
            self._rung.notify_all()

    def _listen(self) -> None:
        with self._rung:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="event-bell", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        is_broken = False
        while True:
            try:
                self._ring_on_messages()
            except (redis.RedisError, OSError, UnavailableError) as error:
                if not is_broken:
                    _log.warning("The event feed looks into the database only: %s", error)
                is_broken = True
                threading.Event().wait(POLL_S)

    def _ring_on_messages(self) -> None:
        with self._redis_link.client().pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(keys.EVENTS_CHANGED)
            while True:
                if subscription.get_message(timeout=POLL_S) is not None:
                    self.ring()


class EventTail:
    """Follows the events that a filter wants, in the order in which they were written. For one thread."""

    def __init__(self, events: EventStore, wanted: EventFilter, after: Position, clock: Clock) -> None:
        self._events, self._wanted, self._clock = events, wanted, clock
        self._from = after
        self._seen: set[Position] = set()

    def new(self) -> list[StoredEvent]:
        """What was written since the last call, at most `MAX_BATCH`.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        settled: Position = (self._clock.now() - SETTLE_S, "")
        found = self._events.changed_since(self._wanted, self._from, MAX_BATCH)
        fresh = [stored for stored in found if position_of(stored) not in self._seen]
        # A full batch hides what is behind it, so go on there; otherwise stay behind by what may still come late.
        self._from = position_of(found[-1]) if len(found) == MAX_BATCH else max(self._from, settled)
        self._seen = {position for position in map(position_of, found) if position > self._from}
        return fresh


def position_of(stored: StoredEvent) -> Position:
    """Where in the feed an event stands; written again, it stands further on."""
    return stored.changed_at, stored.event.id
