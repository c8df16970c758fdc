"""Where sightings are kept, as this room sees it. Storage implements it; `MemoryGallery` is for one run without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.embedding import Embedding
from core.sightings import ANY, Hit, Sighting, Thresholds, TravelTime, Where


class Gallery(Protocol):
    """The truth about sightings; an index is made of it, and can be made of it again."""

    def add(self, sighting: Sighting) -> None:
        """Store a sighting under its id, and its identity where that is not there yet; once is enough."""

    def update(self, sighting: Sighting) -> bool:
        """Change period and embedding of a sighting; whose it is stays. False where it is there no more."""

    def get(self, sighting_id: str) -> Sighting | None:
        """One sighting."""

    def name_of(self, identity_id: str) -> str | None:
        """What a person called the identity."""

    def changed_since(self, model: str, after_s: float) -> Sequence[tuple[float, Sighting]]:
        """Sightings of a model that were written at or after that time, with that time."""

    def count(self, model: str) -> int:
        """How many sightings of a model there are."""

    def ids(self, model: str) -> set[str]:
        """The ids of all sightings of a model."""

    def thresholds(self, model: str) -> Thresholds | None:
        """As calibrated on this site; None: not yet."""

    def travel_times(self, camera_id: int) -> Sequence[TravelTime]:
        """What was learnt of the ways to and from a camera."""


class SightingIndex(Protocol):
    """Search in a gallery, safe for threads. Vectors of different models are never compared.

    Every method raises `UnavailableError` where the gallery cannot be read now.
    """

    def search(self, embedding: Embedding, most: int, where: Where = ANY) -> list[Hit]:
        """Of the sightings that count, those most alike, best first; the group of a hit is its identity."""

    def identities(self, embedding: Embedding, *wheres: Where) -> set[str]:
        """The identities with a sighting of this embedding's model that counts by one of these."""

    def identities_of(self, embedding: Embedding, sightings: tuple[str, ...]) -> set[str]:
        """Whose these sightings are, as far as they are of this embedding's model."""

    def refresh(self) -> None:
        """Forget what was erased and learn what was written."""


class MemoryGallery:
    """A gallery that ends with the process."""

    def __init__(self) -> None:
        self._sightings: dict[str, tuple[float, Sighting]] = {}
        self._writes = 0.0

    def add(self, sighting: Sighting) -> None:
        """Store a sighting."""
        self._writes += 1
        self._sightings.setdefault(sighting.id, (self._writes, sighting))

    def update(self, sighting: Sighting) -> bool:
        """Change a sighting."""
        if sighting.id not in self._sightings:
            return False
        self._writes += 1
        self._sightings[sighting.id] = (self._writes, sighting)
        return True

    def get(self, sighting_id: str) -> Sighting | None:
        """One sighting."""
        _, sighting = self._sightings.get(sighting_id, (0.0, None))
        return sighting

    def name_of(self, identity_id: str) -> str | None:  # noqa: ARG002  # nobody names what ends with the run
        """Always None."""
        return None

    def changed_since(self, model: str, after_s: float) -> list[tuple[float, Sighting]]:
        """Sightings written since; the time is the number of the write."""
        return [w for w in self._sightings.values() if w[0] >= after_s and w[1].embedding.model == model]

    def count(self, model: str) -> int:
        """How many of that model."""
        return len(self.ids(model))

    def ids(self, model: str) -> set[str]:
        """Those of that model."""
        return {s.id for _, s in self._sightings.values() if s.embedding.model == model}

    def thresholds(self, model: str) -> Thresholds | None:  # noqa: ARG002
        """Always None: not calibrated."""
        return None

    def travel_times(self, camera_id: int) -> list[TravelTime]:  # noqa: ARG002
        """Always empty: nothing was learnt."""
        return []
