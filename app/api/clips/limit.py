"""How many clips people may have made at once."""

from __future__ import annotations

from app.api.errors import ApiError
from app.api.services import Services

MOST_UNFINISHED = 100
"""Clips that people asked for and that are not made yet, those that are drawn on aside."""

MOST_DRAWN = 20
"""Those that are drawn on: a minute of one takes ten seconds of a core."""

MOST_DRAWN_OF_ONE_USER = 5


def refuse_too_many(services: Services, variant: str, user: str) -> None:
    """Before one more is asked for.

    Args:
        services: Of this process.
        variant: Of the clip.
        user: Name of who asks for it.

    Raises:
        ApiError: 429, there are too many.
    """
    clips = services.clips
    if variant == "copy":
        if clips.unfinished(drawn=False) >= MOST_UNFINISHED:
            raise _too_many(f"{MOST_UNFINISHED} clips are being made already")
    elif clips.unfinished(drawn=True, created_by=user) >= MOST_DRAWN_OF_ONE_USER:
        raise _too_many(f"{MOST_DRAWN_OF_ONE_USER} clips of yours are being drawn on already")
    elif clips.unfinished(drawn=True) >= MOST_DRAWN:
        raise _too_many(f"{MOST_DRAWN} clips are being drawn on already")


def _too_many(what: str) -> ApiError:
    message = f"{what}; wait for them or delete some."
    return ApiError(429, "too_many_clips", message, headers={"Retry-After": "10"})
