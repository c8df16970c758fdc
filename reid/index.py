"""Exact search among some hundred thousand vectors: one matrix product, filters before the best are taken.

Measured against approximate indexes in `docs/recognitions/reid.md`: up to 200 000 vectors it answers within some
milliseconds, finds what is there, and takes any filter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from core.embedding import Vector
from core.sightings import ANY, Hit, Where

Mask = npt.NDArray[np.bool_]

_FIRST_CAPACITY = 256
_MOST_OFF_LENGTH = 0.05
"""How far from 1 a vector's length may be: the rounding to float16 and no more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A vector with what it can be filtered by."""

    key: str
    group: str
    """E.g. the identity."""
    camera_id: int
    started_at: float
    ended_at: float
    vector: Vector
    """(D,), of length 1."""


class ExactIndex:
    """Vectors in a growing matrix. Not safe for threads."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._slots: dict[str, int] = {}
        self._keys: list[str] = []
        self._free: list[int] = []
        self._groups: dict[str, int] = {}
        self._group_names: list[str] = []
        self._vectors = np.zeros((_FIRST_CAPACITY, dimensions), np.float32)
        self._cameras = np.zeros(_FIRST_CAPACITY, np.int64)
        self._group_of = np.zeros(_FIRST_CAPACITY, np.int64)
        self._started = np.zeros(_FIRST_CAPACITY, np.float64)
        self._ended = np.zeros(_FIRST_CAPACITY, np.float64)
        self._is_used = np.zeros(_FIRST_CAPACITY, np.bool_)

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: str) -> bool:
        return key in self._slots

    @property
    def keys(self) -> set[str]:
        """The keys of all entries."""
        return set(self._slots)

    def add(self, entry: Entry) -> None:
        """Add a vector, in place of the one with the same key if there is one.

        Raises:
            ValueError: the vector is not (D,), finite and of length 1.
        """
        vector = entry.vector
        if vector.shape != (self.dimensions,):
            raise ValueError(f"expected a vector of shape ({self.dimensions},), got {vector.shape}")
        length = float(np.linalg.norm(vector))
        if not abs(length - 1) <= _MOST_OFF_LENGTH:
            raise ValueError(f"expected a vector of length 1, got {length}")
        slot = self._slots.get(entry.key)
        if slot is None:
            slot = self._take_slot(entry.key)
        self._vectors[slot] = vector / np.float32(length)
        self._cameras[slot] = entry.camera_id
        self._group_of[slot] = self._code_of(entry.group)
        self._started[slot], self._ended[slot] = entry.started_at, entry.ended_at
        self._is_used[slot] = True

    def remove(self, keys: Iterable[str]) -> int:
        """Remove entries; those that are not there are no error. Nothing of their vectors stays in memory.

        Returns:
            How many were there.
        """
        slots = [self._slots.pop(key) for key in list(keys) if key in self._slots]
        self._is_used[slots] = False
        self._vectors[slots] = 0
        for slot in slots:
            self._keys[slot] = ""
        self._free += slots
        return len(slots)

    def search(self, query: Vector, most: int, where: Where = ANY) -> list[Hit]:
        """The entries most alike to a vector (D,) of length 1 among those that count, best first.

        Raises:
            ValueError: the vector is not (D,).
        """
        if query.shape != (self.dimensions,):
            raise ValueError(f"expected a vector of shape ({self.dimensions},), got {query.shape}")
        similarities = self._vectors[: len(self._keys)] @ query.astype(np.float32, copy=False)
        similarities[~self._mask(where)] = -np.inf
        return [
            Hit(
                self._keys[slot],
                self._group_names[self._group_of[slot]],
                float(similarities[slot]),
                self._vectors[slot].copy(),
            )
            for slot in _best(similarities, most)
        ]

    def groups(self, where: Where) -> set[str]:
        """The groups that have an entry that counts."""
        codes = self._group_of[: len(self._keys)][self._mask(where)]
        return {self._group_names[code] for code in np.unique(codes)}

    def groups_of(self, keys: Iterable[str]) -> set[str]:
        """The groups of these entries, as far as they are there."""
        slots = [self._slots[key] for key in keys if key in self._slots]
        return {self._group_names[self._group_of[slot]] for slot in slots}

    def _mask(self, where: Where) -> Mask:
        count = len(self._keys)
        mask = self._is_used[:count].copy()
        if where.cameras is not None:
            mask &= np.isin(self._cameras[:count], list(where.cameras))
        if where.not_camera is not None:
            mask &= self._cameras[:count] != where.not_camera
        if where.from_s is not None:
            mask &= self._ended[:count] >= where.from_s
        if where.to_s is not None:
            mask &= self._started[:count] < where.to_s
        if codes := [self._groups[group] for group in where.not_groups if group in self._groups]:
            mask &= ~np.isin(self._group_of[:count], codes)
        mask[[self._slots[key] for key in where.not_keys if key in self._slots]] = False
        return mask

    def _take_slot(self, key: str) -> int:
        if self._free:
            slot = self._free.pop()
            self._keys[slot] = key
        else:
            slot = len(self._keys)
            if slot == len(self._vectors):
                self._grow()
            self._keys.append(key)
        self._slots[key] = slot
        return slot

    def _grow(self) -> None:
        for name in ("_vectors", "_cameras", "_group_of", "_started", "_ended", "_is_used"):
            rows = getattr(self, name)
            setattr(self, name, np.concatenate([rows, np.zeros_like(rows)]))

    def _code_of(self, group: str) -> int:
        if group not in self._groups:
            self._groups[group] = len(self._group_names)
            self._group_names.append(group)
        return self._groups[group]


def _best(similarities: Vector, most: int) -> list[int]:
    """Positions of the largest, best first; those at minus infinity do not count."""
    count = len(similarities)
    places = np.argpartition(similarities, -most)[-most:] if count > most else np.arange(count)
    places = places[np.argsort(-similarities[places], kind="stable")]
    return cast("list[int]", places[np.isfinite(similarities[places])].tolist())
