"""The alphabet of a text recogniser, as its file or the user gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SPACE = " "


def characters_in(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The alphabet that RapidOCR writes into a file, with the space that PP-OCR adds; empty: there is none.

    >>> characters_in({"character": "a\\nb"})
    ('a', 'b', ' ')
    """
    text = metadata.get("character")
    return () if not text else (*text.split("\n"), SPACE)


def as_characters(labels: Sequence[str]) -> tuple[str, ...]:
    """Characters one by one, from a list or from a word that holds them all.

    >>> as_characters(["ABC_"]), as_characters(["A", "B"])
    (('A', 'B', 'C', '_'), ('A', 'B'))
    """
    return tuple(labels[0]) if len(labels) == 1 else tuple(labels)


def completed(labels: Sequence[str], count: int) -> tuple[str, ...]:
    """PP-OCR's dictionaries leave out the space that its models know: added where just that is missing.

    >>> completed(["a", "b"], 3)
    ('a', 'b', ' ')
    """
    return (*labels, SPACE) if len(labels) == count - 1 else tuple(labels)
