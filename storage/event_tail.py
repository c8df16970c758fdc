"""Follows events as they are written, for the live feed and for recorders."""

from __future__ import annotations

from storage.events import EventFilter, EventStore, Position, StoredEvent

SETTLE_S = 10.0
"""A writer stamps an event and may then wait for the database, and clocks of machines differ a little: for so long a
later look may find an event that is stamped earlier than others that were seen already."""

MAX_BATCH = 1000
BATCHES_AT_ONCE = 20
"""Bounds a call that finds little of what is wanted."""


class EventTail:
    """Follows the events that a filter wants, in the order in which they were written. For one thread.

    All are read, and those that are not wanted dropped here: with the filter in the query, SQLite would read and sort
    all events of a camera, and where none is wanted for long, each look would begin where the first one did.
    """

    def __init__(self, events: EventStore, wanted: EventFilter, after: Position) -> None:
        self._events, self._wanted = events, wanted
        self._from = after
        self._seen: set[Position] = set()

    def new(self) -> list[StoredEvent]:
        """What was written since the last call, at most `MAX_BATCH`.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        for _ in range(BATCHES_AT_ONCE):
            found = self._events.changed_since(self._from, MAX_BATCH)
            fresh = self._fresh(found)
            if fresh or len(found) < MAX_BATCH:
                break
        return fresh

    def _fresh(self, found: list[StoredEvent]) -> list[StoredEvent]:
        if not found:
            return []
        unseen = (stored for stored in found if position_of(stored) not in self._seen)
        fresh = [stored for stored in unseen if self._wanted.matches(stored.event)]
        # A full batch hides what is behind it, so go on there; otherwise stay behind by what may still come late.
        newest = position_of(found[-1])
        self._from = newest if len(found) == MAX_BATCH else max(self._from, (newest[0] - SETTLE_S, ""))
        self._seen = {position for position in map(position_of, found) if position > self._from}
        return fresh


def position_of(stored: StoredEvent) -> Position:
    """Where in the feed an event stands; written again, it stands further on."""
    return stored.changed_at, stored.event.id
