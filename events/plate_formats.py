"""What plates of each country look like, and characters that readers confuse put right by it.

Formats are data: `plate_formats.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml

from core.errors import BadSettingError
from core.plates import PROVINCES

_DIGITS = "0123456789"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOOK_ALIKES = ("0ODQ", "1IL", "2Z", "5S", "8B", "6G")
"""Characters that look alike on plates, those that are more often meant first."""

_TOKEN = re.compile(r"(?:([LNAP])|\[([A-Z]+)\])(\??)")

Slots = tuple[str, ...]
"""For each character of a plate, those that may stand there."""


@dataclass(frozen=True, slots=True)
class Region:
    """A country, or a part of it, and its plates."""

    code: str
    title: str
    formats: tuple[Slots, ...]


@lru_cache(maxsize=1)
def regions() -> dict[str, Region]:
    """All regions that are known, by code."""
    plain = yaml.safe_load((files("events") / "plate_formats.yaml").read_text("utf-8"))
    return {code: _region(code, **fields) for code, fields in plain.items()}


def check_regions(codes: Iterable[str]) -> tuple[str, ...]:
    """The codes, each once.

    Raises:
        BadSettingError: one is unknown; the text names those that are known.
    """
    wanted = tuple(dict.fromkeys(codes))
    unknown = [code for code in wanted if code not in regions()]
    if unknown:
        raise BadSettingError(f"No region {unknown[0]!r}. Known: {', '.join(regions())}.")
    return wanted


def fold(text: str, codes: Sequence[str]) -> str:
    """Put right what readers confuse (0 and O, 1 and I, 8 and B, …), so that the text is a plate of those regions.

    The text stays as it is where it already is such a plate, where no exchange of look-alikes makes it one, and where
    the fewest exchanges could make it different plates.

    Args:
        text: normalised, see `core.plates.normalise`.
        codes: of regions, checked by `check_regions`.

    >>> fold("RK708A1", ["SK"]), fold("RK708A1", ["SK", "US"])
    ('RK708AI', 'RK708A1')
    """
    best: set[str] = set()
    fewest = len(text) + 1
    for slots in (slots for code in codes for slots in regions()[code].formats if len(slots) == len(text)):
        folded = _fit(text, slots)
        if folded is None:
            continue
        exchanged = sum(a != b for a, b in zip(text, folded, strict=True))
        if exchanged < fewest:
            best, fewest = set(), exchanged
        if exchanged == fewest:
            best.add(folded)
    return best.pop() if len(best) == 1 else text


def _fit(text: str, slots: Slots) -> str | None:
    fitted = [_fit_character(character, allowed) for character, allowed in zip(text, slots, strict=True)]
    return None if None in fitted else "".join(c for c in fitted if c is not None)


def _fit_character(character: str, allowed: str) -> str | None:
    if character in allowed:
        return character
    alike = next((group for group in _LOOK_ALIKES if character in group), "")
    return next((other for other in alike if other in allowed), None)


def _region(code: str, title: str, formats: Sequence[str], letters: str = _LETTERS) -> Region:
    all_slots = dict.fromkeys(slots for text in formats for slots in _expand(text, letters))
    return Region(code, title, tuple(all_slots))


def _expand(text: str, letters: str) -> list[Slots]:
    """All that a format with optional characters stands for."""
    kinds = {"L": letters, "N": _DIGITS, "A": letters + _DIGITS, "P": PROVINCES}
    found: list[Slots] = [()]
    end = 0
    for token in _TOKEN.finditer(text):
        if token.start() != end:
            break
        end = token.end()
        kind, these, optional = token.groups()
        longer = [(*slots, these or kinds[kind]) for slots in found]
        found = [*longer, *found] if optional else longer
    if end != len(text) or end == 0:
        raise ValueError(f"expected a format of L, N, A, P, [DF] and ?, got {text!r}")
    return found
