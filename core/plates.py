"""Words of registration plates: their text, and the lists that a site keeps of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ListKind = Literal["allow", "deny", "watch"]
LIST_KINDS: tuple[ListKind, ...] = get_args(ListKind)

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
"""First character of a plate of mainland China (GA 36-2018)."""


@dataclass(frozen=True, slots=True)
class PlateList:
    """A named list of plates."""

    id: int
    name: str
    kind: ListKind
    max_distance: int
    """Characters, 0 or 1, by which a plate that was read may differ from an entry. 0 for a list that opens a gate."""


@dataclass(frozen=True, slots=True)
class PlateListEntry:
    """A plate on a list."""

    id: int
    list_id: int
    plate: str
    """As somebody wrote it; compared by `normalise`."""
    owner: str = ""
    note: str = ""
    valid_from: float | None = None
    """Seconds since the epoch; None: always was."""
    valid_until: float | None = None
    """The first moment at which it is not valid any more; None: it always will be."""

    def is_valid(self, at: float) -> bool:
        """Whether it counts at that time, in seconds since the epoch."""
        begun = self.valid_from is None or self.valid_from <= at
        return begun and (self.valid_until is None or at < self.valid_until)


def normalise(text: str) -> str:
    """Letters and digits only, upper case: how a plate is compared.

    >>> normalise("rk-605 ab")
    'RK605AB'
    """
    return "".join(c for c in text.upper() if c.isalnum())
