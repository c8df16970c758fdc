from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.backoff import AUTH_FIRST_S, AUTH_MAX_S, HEALTHY_S, MAX_S, Backoff
from capture.reasons import Reason

OTHER_REASONS = [reason for reason in Reason if reason is not Reason.AUTH_FAILED]


class LargestRandom(random.Random):
    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002
        return b


def test_waits_double_up_to_a_minute() -> None:
    backoff = Backoff(LargestRandom())
    assert [backoff.wait_s(Reason.TIMEOUT, 0.0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


@given(st.integers(0, 2**32), st.sampled_from(OTHER_REASONS), st.integers(1, 2000))
def test_waits_are_bounded_and_jittered(seed: int, reason: Reason, failures: int) -> None:
    backoff = Backoff(random.Random(seed))
    waits_s = [backoff.wait_s(reason, 0.0) for _ in range(failures)]
    assert all(0.5 <= wait_s <= MAX_S for wait_s in waits_s)
    assert all(later_s >= earlier_s / 2 for earlier_s, later_s in pairwise(waits_s))


@given(st.integers(0, 2**32), st.integers(1, 50))
def test_refused_password_waits_5_to_30_minutes(seed: int, failures: int) -> None:
    backoff = Backoff(random.Random(seed))
    for _ in range(failures):
        assert AUTH_FIRST_S <= backoff.wait_s(Reason.AUTH_FAILED, 0.0) <= AUTH_MAX_S


@pytest.mark.parametrize(
    ("lived_s", "longest_s"),
    [pytest.param(HEALTHY_S, 1.0, id="healthy stream"), pytest.param(1.0, 60.0, id="stream that flaps")],
)
def test_first_retry_after_a_long_life_is_quick(lived_s: float, longest_s: float) -> None:
    backoff = Backoff(LargestRandom())
    for _ in range(10):
        backoff.wait_s(Reason.TIMEOUT, 0.0)
    assert backoff.wait_s(Reason.NO_FRAMES, lived_s) == longest_s


def test_refusals_do_not_lengthen_other_waits() -> None:
    backoff = Backoff(LargestRandom())
    for _ in range(5):
        backoff.wait_s(Reason.AUTH_FAILED, 0.0)
    assert backoff.wait_s(Reason.TIMEOUT, 0.0) == 1.0
