"""What is tried again and again fails again and again: said once, and when it goes on as it should."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import redis

from core.errors import CamrecError

EXPECTED = (CamrecError, OSError, redis.RedisError)
"""What is out of reach now."""
REPEAT_S = 60.0
"""After which a failure whose text has changed is said anew; one of another type is at once."""


class Complaint:
    """About one thing that one thread does repeatedly."""

    def __init__(
        self,
        log: logging.Logger,
        what: str,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        expected: tuple[type[BaseException], ...] = EXPECTED,
    ) -> None:
        """``what`` begins the line, e.g. "The status of cameras cannot be written"; ``expected`` have no traceback."""
        self._log, self._what, self._monotonic, self._expected = log, what, monotonic, expected
        self._said: tuple[type[BaseException], str] | None = None
        self._types: set[type[BaseException]] = set()
        """Of all that was said since it was last well: two that take turns are said once each."""
        self._said_s = 0.0

    @property
    def is_failing(self) -> bool:
        """The last try failed."""
        return self._said is not None

    def failed(self, error: BaseException) -> None:
        """Say so, unless that was said already; with a traceback where nobody expects such an error."""
        now_s, said = self._monotonic(), (type(error), str(error))
        is_new = type(error) not in self._types
        if not is_new and (said == self._said or now_s - self._said_s < REPEAT_S):
            return
        self._said, self._said_s = said, now_s
        self._types.add(type(error))
        is_expected = isinstance(error, self._expected)
        self._log.warning("%s: %s", self._what, error, exc_info=None if is_expected else error)

    def well(self) -> None:
        """It went as it should."""
        if self._said is not None:
            self._log.info("%s: over", self._what)
        self._said = None
        self._types.clear()
