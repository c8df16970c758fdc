"""Batches out of things of different sizes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_by_group(
    items: Sequence[T], keys: Sequence[Hashable], run: Callable[[list[T]], Sequence[R]], *, most: int
) -> list[R]:
    """Run ``run`` over batches of items that have the same key, at most ``most`` in each.

    Returns:
        One result for each item, in the order of the items.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    results: dict[int, R] = {}
    for indices in groups.values():
        for start in range(0, len(indices), most):
            chunk = indices[start : start + most]
            results.update(zip(chunk, run([items[i] for i in chunk]), strict=True))
    return [results[i] for i in range(len(items))]
