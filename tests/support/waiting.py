"""Waiting for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_INTERVAL_S = 0.05


def wait_until(look: Callable[[], T | None], what: str, timeout_s: float) -> T:
    """The first truthy answer of ``look``.

    Raises:
        AssertionError: there is none within that time; names ``what`` and the last answer.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline_s:
            raise AssertionError(f"after {timeout_s:.0f} s, not yet: {what}; last seen: {answer!r}")
        time.sleep(POLL_INTERVAL_S)
