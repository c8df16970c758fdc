"""The C library's allocator, set up for processes of many threads."""

from __future__ import annotations

import contextlib
import ctypes
import os

ARENAS = 2
_M_ARENA_MAX = -8  # malloc.h


def share_arenas() -> None:
    """Have all threads of this process allocate from the same two arenas; call it before they start.

    glibc has up to eight arenas for each core, and what a thread frees only that arena's threads can use again: with a
    thread for each camera, memory crept up for as long as was watched (docs/decisions.md). Other C libraries have no
    such call. ``MALLOC_ARENA_MAX``, where it is set, holds.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)
