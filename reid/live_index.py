"""Indexes that keep up with a gallery which other processes write to, too: one for each model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.embedding import Embedding
from core.sightings import ANY, Hit, Sighting, Where
from reid.gallery import Gallery
from reid.index import Entry, ExactIndex

OVERLAP_S = 10.0
"""A writer stamps a row and may then wait for the database's lock, so what was written lately is read again."""


@dataclass(slots=True)
class _Kept:
    index: ExactIndex
    newest_s: float = 0.0


class LiveIndex:
    """Exact search over a gallery, safe for threads. Vectors of different models are never compared."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def search(self, embedding: Embedding, most: int, where: Where = ANY) -> list[Hit]:
        """The sightings most alike, best first; the group of a hit is its identity.

        Raises:
            UnavailableError: the gallery cannot be read now.
        """
        with self._current(embedding) as index:
            return index.search(embedding.vector, most, where)

    def identities(self, embedding: Embedding, *wheres: Where) -> set[str]:
        """The identities with a sighting of this embedding's model that counts by one of these."""
        with self._current(embedding) as index:
            return {group for where in wheres for group in index.groups(where)}

    def identities_of(self, embedding: Embedding, sightings: tuple[str, ...]) -> set[str]:
        """Whose these sightings are, as far as they are of this embedding's model."""
        with self._current(embedding) as index:
            return index.groups_of(sightings)

    def holds(self, model: str, sighting_id: str) -> bool:
        """Whether a sighting's vector is in memory now. Reads nothing."""
        with self._lock:
            kept = self._kept.get(model)
            return kept is not None and sighting_id in kept.index

    def refresh(self) -> None:
        """Forget what was erased and learn what was written, in all models searched so far.

        Raises:
            UnavailableError: the gallery cannot be read now.
        """
        with self._lock:
            for model, kept in self._kept.items():
                self._follow(model, kept)

    @contextmanager
    def _current(self, embedding: Embedding) -> Iterator[ExactIndex]:
        with self._lock:
            kept = self._kept.setdefault(embedding.model, _Kept(ExactIndex(len(embedding.vector))))
            self._follow(embedding.model, kept)
            yield kept.index

    def _follow(self, model: str, kept: _Kept) -> None:
        for written_s, sighting in self._gallery.changed_since(model, kept.newest_s - OVERLAP_S):
            kept.index.add(_entry(sighting))
            kept.newest_s = max(kept.newest_s, written_s)
        # More here than there: some were removed. Nothing else can make the counts differ in that direction.
        if len(kept.index) != self._gallery.count(model):
            kept.index.remove(kept.index.keys - self._gallery.ids(model))


def _entry(sighting: Sighting) -> Entry:
    return Entry(
        sighting.id,
        sighting.identity_id,
        sighting.camera_id,
        sighting.started_at,
        sighting.ended_at,
        sighting.embedding.vector,
    )
