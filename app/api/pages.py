"""Keyset pages: one item more than asked for says whether there is another page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from app.api.cursors import Value, encode_cursor

T = TypeVar("T")


def page(found: Sequence[T], limit: int, position: Callable[[T], Sequence[Value]]) -> dict[str, Any]:
    """``{"items", "next"}`` of at most ``limit`` items, where ``found`` holds up to ``limit + 1``."""
    items = found[:limit]
    is_last = len(found) <= limit
    return {"items": items, "next": None if is_last else encode_cursor(position(items[-1]))}
