"""Batches in a few sizes only: engines, kernels and memory plans of a GPU are made for each size that they see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Items ``start`` to ``stop`` of a batch, run as a batch of ``size``: what is missing is filled up."""

    start: int
    stop: int
    size: int


def bucket_of(items: int) -> int:
    """The least power of two that holds so many.

    Raises:
        ValueError: less than one.
    """
    if items < 1:
        raise ValueError(f"expected at least one item, got {items}")
    return 1 << (items - 1).bit_length()


def buckets_to(largest: int) -> list[int]:
    """All up to the largest, a power of two."""
    return [1 << power for power in range(largest.bit_length())]


def in_buckets(items: int, largest: int) -> list[Part]:
    """Full parts of the largest size, a power of two, and the rest in the least bucket that holds it."""
    return [
        Part(start, min(start + largest, items), bucket_of(min(largest, items - start)))
        for start in range(0, items, largest)
    ]


def of_size(items: int, size: int) -> list[Part]:
    """Parts of this size, the last one filled up: for models with a static batch."""
    return [Part(start, min(start + size, items), size) for start in range(0, items, size)]
