"""The site's lists of plates as the judgement needs them, read from the database only when they have changed."""

from __future__ import annotations

import threading

from events.plate_lists import PlateHit, PlateIndex
from storage.plate_lists import PlateListStore


class CurrentPlateLists:
    """A `events.plate_lists.PlateMatcher` over all lists; as fresh as the last `refresh`."""

    def __init__(self, store: PlateListStore) -> None:
        self._store = store
        self._versions: dict[int, int] | None = None
        self._index = PlateIndex((), ())
        self._lock = threading.Lock()

    def __call__(self, text: str, at: float) -> list[PlateHit]:
        """The hits of a plate.

        Raises:
            UnavailableError: the lists are not known yet and the database is down.
        """
        if self._versions is None:
            self.refresh()
        return self._index.match(text, at)

    def refresh(self) -> None:
        """Read the lists again if they have changed.

        Raises:
            UnavailableError: the database is down; what is known stays in use.
        """
        with self._lock:
            versions = self._store.versions()
            if versions == self._versions:
                return
            lists, entries = self._store.read()
            # A list that comes between the two readings has another version, and is read again next time.
            self._index, self._versions = PlateIndex(lists, entries), versions
