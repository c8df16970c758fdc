"""Times as clients write them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

LATEST_EPOCH_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()

_EATEN_PLUS = re.compile(r"(T[\d:.,]+) (\d\d:?\d\d)$")
"""A `+` that a client did not encode arrives as a space."""


def parse_time(value: object) -> float:
    """Seconds since the epoch of an ISO 8601 time with its zone (``2026-11-24T05:45:43Z``) or of epoch seconds.

    Raises:
        ValueError: it is neither, or has no zone; the text says what is expected.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("Not a time: write ISO 8601 with a zone (2026-11-24T05:45:43Z) or seconds since 1970.")
    epoch_s = _number(value)
    if epoch_s is None:
        return _iso(str(value))
    if not math.isfinite(epoch_s) or not 0 <= epoch_s <= LATEST_EPOCH_S:
        raise ValueError("Seconds since 1970-01-01 UTC are between 0 and the year 9999; milliseconds are not taken.")
    return epoch_s


def _number(value: str | int | float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        return None


def _iso(text: str) -> float:
    try:
        if not text.isprintable():  # fromisoformat reads only as far as a NUL
            raise ValueError
        at = datetime.fromisoformat(_EATEN_PLUS.sub(r"\1+\2", text.strip()))
    except ValueError:
        raise ValueError(
            "Not a time: write ISO 8601 with a zone (2026-11-24T05:45:43Z) or seconds since 1970."
        ) from None
    if at.tzinfo is None:
        raise ValueError("A time without a zone means another moment in every place: end it with Z or +HH:MM.")
    try:
        epoch_s = at.timestamp()
    except OverflowError:
        epoch_s = -1.0
    if not 0 <= epoch_s <= LATEST_EPOCH_S:
        raise ValueError("A time is between 1970 and the year 9999.")
    return epoch_s
