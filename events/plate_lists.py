"""Which entries of the site's lists a plate that was read means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from core.plates import PlateList, PlateListEntry, normalise
from events.votes import fold_confusable

LEAST_LENGTH_NEAR = 5
"""Characters of an entry from which one wrong character is forgiven: of shorter ones too many are alike."""


@dataclass(frozen=True, slots=True)
class PlateHit:
    """A plate that was read is on a list."""

    plate_list: PlateList
    entry: PlateListEntry
    distance: int
    """Edit distance (Levenshtein); characters that readers confuse count as equal."""


PlateMatcher = Callable[[str, float], list[PlateHit]]
"""Normalised text and the time it was seen, in seconds since the epoch → the hits, at most one for each list."""


class PlateIndex:
    """All entries of all lists, found by a text or by one that is one character away.

    Two texts are within one insertion, deletion or exchange exactly if they, or what is left of them without one
    character, have a text in common (the deletion neighbourhood of Mor and Fraenkel, 1982): so a look-up takes the time
    of a few hashes, however long the lists are.
    """

    def __init__(self, lists: Iterable[PlateList], entries: Iterable[PlateListEntry]) -> None:
        self._lists = {plate_list.id: plate_list for plate_list in lists}
        self._by_key: defaultdict[str, list[PlateListEntry]] = defaultdict(list)
        for entry in entries:
            for key in _keys(_plain(entry), self._lists[entry.list_id].max_distance):
                self._by_key[key].append(entry)

    def match(self, text: str, at: float) -> list[PlateHit]:
        """The nearest entry of each list, where it is valid then. An exact entry silences near ones on other lists.

        Args:
            text: normalised.
            at: seconds since the epoch.
        """
        plain = fold_confusable(text)
        near = {entry.id: entry for key in _keys(plain, 1) for entry in self._by_key.get(key, ())}
        hits = [hit for entry in near.values() if entry.is_valid(at) and (hit := self._hit(plain, entry))]
        nearest = min((_remoteness(hit, text) for hit in hits), default=None)
        by_list: dict[int, PlateHit] = {}
        for hit in sorted(hits, key=lambda hit: hit.entry.id):
            if _remoteness(hit, text) == nearest:
                by_list.setdefault(hit.plate_list.id, hit)
        return list(by_list.values())

    def _hit(self, plain: str, entry: PlateListEntry) -> PlateHit | None:
        plate_list, wanted = self._lists[entry.list_id], _plain(entry)
        limit = plate_list.max_distance if len(wanted) >= LEAST_LENGTH_NEAR else 0
        distance = Levenshtein.distance(plain, wanted)
        return PlateHit(plate_list, entry, distance) if distance <= limit else None


def _plain(entry: PlateListEntry) -> str:
    return fold_confusable(normalise(entry.plate))


def _keys(text: str, max_distance: int) -> set[str]:
    return {text, *(text[:i] + text[i + 1 :] for i in range(len(text) * max_distance))}


def _remoteness(hit: PlateHit, text: str) -> tuple[int, bool]:
    return hit.distance, normalise(hit.entry.plate) != text
