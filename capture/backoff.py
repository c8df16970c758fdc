"""How long to wait before the next try to connect to a camera."""

from __future__ import annotations

import random

from capture.reasons import Reason

FIRST_S = 1.0
MAX_S = 60.0
AUTH_FIRST_S = 300.0
AUTH_MAX_S = 1800.0
HEALTHY_S = 30.0
"""A stream that lived so long starts the count of failures anew."""


class Backoff:
    """Waits that double, with jitter, so that cameras behind one failed switch do not come back all at once.

    Half of each wait is fixed and half random ("equal jitter": Brooker, "Exponential Backoff And Jitter", AWS, 2015). A
    refused password is tried again after 5 to 30 minutes only: cameras lock accounts.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - jitter needs no secret
        self._failures = 0
        self._refusals = 0

    def wait_s(self, reason: Reason | None, lived_s: float) -> float:
        """Seconds until the next try.

        Args:
            reason: why the last try or stream ended.
            lived_s: seconds for which it delivered pictures, 0 where it never did.
        """
        if lived_s >= HEALTHY_S:
            self._failures = 0
        if lived_s > 0:
            self._refusals = 0
        if reason is Reason.AUTH_FAILED:
            self._refusals += 1
            return self._jittered(AUTH_FIRST_S * 2, AUTH_MAX_S, self._refusals)
        self._failures += 1
        return self._jittered(FIRST_S, MAX_S, self._failures)

    def _jittered(self, first_s: float, max_s: float, attempt: int) -> float:
        longest_s = min(max_s, first_s * 2.0 ** min(attempt - 1, 32))
        return longest_s * self._rng.uniform(0.5, 1.0)
