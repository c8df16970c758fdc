"""Tells recorders of events: Redis says at once that there is one, the database which."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection

import redis

from capture.bell import Bell
from core.clock import Clock, SystemClock
from core.complaint import Complaint
from core.keys import EVENTS_CHANGED
from core.types import Event
from storage.event_tail import EventTail
from storage.events import LONGEST_EVENT_S, EventFilter, EventStore, StoredEvent

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 2.0
"""Without Redis, events are seen after so long."""
RETRY_S = 2.0
BURST_S = 0.2
"""Events that are written within so long are read at once."""
OPEN_EVENT_S = 120.0
"""An event that is open now is expected to last so much longer: a minute without the database ends no recording."""
ASK_INTERVAL_S = 30.0
"""A judge writes an event when it begins and when it ends, nothing in between: whether it still goes on is asked."""
_LOOK_BACK_S = 60.0
"""At start: of events that ended this recently, the time behind may still be wanted."""


class EventWatcher:
    """A thread that hands events on as they are written, and those that go on again and again."""

    def __init__(
        self,
        events: EventStore,
        connect: Callable[[], redis.Redis],
        cameras: Callable[[], Collection[int]],
        heard: Callable[[Event, float], None],
        clock: Clock | None = None,
    ) -> None:
        """Idle until `start`.

        Args:
            events: in the database.
            connect: makes a client of Redis.
            cameras: ids of those whose events are wanted, now.
            heard: is given an event, and until when it lasts at least, in seconds since the epoch.
            clock: of the machine by default.
        """
        self._events, self._cameras, self._heard = events, cameras, heard
        self._clock = clock or SystemClock()
        self._tail = EventTail(events, EventFilter(), (self._clock.now() - _LOOK_BACK_S, ""))
        self._unheard: deque[StoredEvent] = deque()
        self._asked: frozenset[int] = frozenset()
        self._asked_s = 0.0
        """On the monotonic clock, when it was asked which events of those cameras go on."""
        self._stopped = threading.Event()
        self._bell = Bell(connect, EVENTS_CHANGED, POLL_INTERVAL_S, BURST_S, self._stopped)
        self._thread = threading.Thread(target=self._run, name="recording-events", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it may be waiting for the database, and is a daemon."""
        self._stopped.set()

    def _run(self) -> None:
        complaint = Complaint(log, "Events to record cannot be read")
        while not self._stopped.is_set():
            try:
                self._look()
            except Exception as error:  # noqa: BLE001  # whatever it is: without this thread no event is recorded
                complaint.failed(error)
                self._stopped.wait(RETRY_S)
            else:
                complaint.well()
                self._bell.wait()

    def _look(self) -> None:
        self._hear()
        while fresh := self._tail.new():
            self._unheard.extend(fresh)
            self._hear()
        cameras = frozenset(self._cameras())
        self._asked &= cameras
        if cameras != self._asked or self._clock.monotonic() - self._asked_s >= ASK_INTERVAL_S:
            self._ask(cameras)

    def _hear(self) -> None:
        while self._unheard:
            stored = self._unheard[0]
            ended_at = stored.event.ended_at
            self._hand_on(stored.event, stored.changed_at + OPEN_EVENT_S if ended_at is None else ended_at)
            self._unheard.popleft()  # and not before: where it fails, it is tried again

    def _ask(self, cameras: frozenset[int]) -> None:
        asked_s, now = self._clock.monotonic(), self._clock.now()
        for event in self._events.still_open(cameras, now - LONGEST_EVENT_S):
            self._hand_on(event, now + OPEN_EVENT_S)
        self._asked, self._asked_s = cameras, asked_s

    def _hand_on(self, event: Event, last_s: float) -> None:
        self._heard(event, min(last_s, event.started_at + LONGEST_EVENT_S))
