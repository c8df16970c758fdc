"""Which shard has which camera."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Placement:
    """Cameras stay where they are; new ones go to the shard with the fewest, or to a new one when all are full."""

    def __init__(self, cameras_per_shard: int) -> None:
        self._limit = cameras_per_shard
        self._shard_of: dict[int, int] = {}

    def place(self, camera_ids: Iterable[int]) -> None:
        """Make these the only cameras."""
        wanted = set(camera_ids)
        self._shard_of = {c: shard for c, shard in self._shard_of.items() if c in wanted}
        loads = Counter(self._shard_of.values())
        for camera_id in sorted(wanted - self._shard_of.keys()):
            shard = min(loads, key=lambda s: (loads[s], s), default=None)
            if shard is None or loads[shard] >= self._limit:
                shard = _first_free(loads)
            self._shard_of[camera_id] = shard
            loads[shard] += 1

    def shard_of(self, camera_id: int) -> int | None:
        """Number of the shard that has the camera."""
        return self._shard_of.get(camera_id)

    def cameras_of(self, shard: int) -> list[int]:
        """Cameras of a shard."""
        return sorted(c for c, s in self._shard_of.items() if s == shard)

    def shards(self) -> set[int]:
        """Shards that have cameras."""
        return set(self._shard_of.values())


def _first_free(loads: Counter[int]) -> int:
    return next(n for n in range(len(loads) + 1) if n not in loads)
