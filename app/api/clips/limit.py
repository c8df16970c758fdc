"""How many clips people may have made at once."""

from __future__ import annotations

from app.api.errors import ApiError
from app.api.services import Services

MOST_UNFINISHED = 100
"""Clips that people asked for and that are not made yet."""


def refuse_too_many(services: Services) -> None:
    """Before one more is asked for.

    Raises:
        ApiError: 429, there are too many.
    """
    if services.clips.unfinished() >= MOST_UNFINISHED:
        raise ApiError(
            429,
            "too_many_clips",
            f"{MOST_UNFINISHED} clips are being made already; wait for them or delete some.",
            headers={"Retry-After": "10"},
        )
