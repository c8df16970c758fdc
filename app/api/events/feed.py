"""Wakes the live feeds when an event was written."""

from __future__ import annotations

import logging
import threading

from app.api.redis_link import RedisLink
from core import keys
from core.complaint import Complaint

POLL_S = 2.0
"""How often the database is looked at when nobody rings."""

_log = logging.getLogger(__name__)


class EventBell:
    """Rings for all waiting feeds of this process when an event was written: one subscription for all of them."""

    def __init__(self, redis_link: RedisLink) -> None:
        self._redis_link = redis_link
        self._rung = threading.Condition()
        self._rings = 0
        self._complaint = Complaint(_log, "The event feed looks into the database only")
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
        while True:
            try:
                self._ring_on_messages()
            except Exception as error:  # noqa: BLE001  # the feeds of this process need the thread, whatever it is
                self._complaint.failed(error)
                threading.Event().wait(POLL_S)

    def _ring_on_messages(self) -> None:
        with self._redis_link.client().pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(keys.EVENTS_CHANGED)
            self._complaint.well()
            while True:
                if subscription.get_message(timeout=POLL_S) is not None:
                    self.ring()
