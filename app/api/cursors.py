"""Cursors: where the next page goes on, as text that clients hand back without looking into it."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence

MAX_ID = 2**63 - 1
MAX_TEXT = 64

Value = int | float | str


def encode_cursor(values: Sequence[Value]) -> str:
    """Values of the last item of a page → URL-safe text."""
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).rstrip(b"=").decode()


def decode_cursor(text: str, types: Sequence[type[Value]]) -> tuple[Value, ...]:
    """The inverse of `encode_cursor`.

    Raises:
        ValueError: it did not come from there, or from a list of another kind.
    """
    try:
        values = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or len(values) != len(types):
        raise ValueError("Not a cursor of this list: hand back `next` of the page before, unchanged.")
    if not all(_is(value, kind) for value, kind in zip(values, types, strict=True)):
        raise ValueError("Not a cursor of this list: hand back `next` of the page before, unchanged.")
    return tuple(values)


def _is(value: object, kind: type[Value]) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID
    if kind is float:
        return isinstance(value, float) and math.isfinite(value)
    return isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()
