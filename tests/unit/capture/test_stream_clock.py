from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.stream_clock import MAX_LAG_S, StreamClock

EPOCH_S = 1_795_500_000.0


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=100), st.floats(-1e6, 1e6))
def test_live_pictures_are_never_from_the_future(delays_s: list[float], origin_s: float) -> None:
    clock = StreamClock(paced=False)
    for number, delay_s in enumerate(delays_s):
        taken_at = EPOCH_S + number / 25
        at_s = clock.observe(origin_s + number / 25, taken_at + delay_s)
        assert at_s <= taken_at + delay_s + 1e-6


def test_live_pictures_keep_their_times_through_a_hiccup() -> None:
    clock = StreamClock(paced=False)
    for number in range(100):
        clock.observe(number / 25, EPOCH_S + number / 25)
    # Two seconds of silence, then all that was held back at once.
    late = [clock.observe(number / 25, EPOCH_S + 6.0) for number in range(100, 150)]
    assert late == pytest.approx([EPOCH_S + number / 25 for number in range(100, 150)], abs=0.15)


@pytest.mark.parametrize(
    "stream_s",
    [
        pytest.param(1000.0, id="jump forward"),
        pytest.param(0.0, id="restart at 0"),
        pytest.param(60.0 - MAX_LAG_S - 1, id="back by seconds"),
    ],
)
@pytest.mark.parametrize("paced", [False, True])
def test_clock_that_was_set_is_followed_at_once(stream_s: float, paced: bool) -> None:
    clock = StreamClock(paced=paced)
    for number in range(60):
        clock.observe(float(number), EPOCH_S + number)
    assert clock.observe(stream_s, EPOCH_S + 60) == pytest.approx(EPOCH_S + 60)


def test_slow_crystal_is_followed() -> None:
    clock = StreamClock(paced=False)
    lags_s = []
    for number in range(25 * 3600):
        arrived_at = EPOCH_S + number / 25
        lags_s.append(arrived_at - clock.observe(number / 25 * (1 - 1e-4), arrived_at))
    assert max(lags_s) < 0.1


def test_paced_packets_are_due_at_their_timestamps() -> None:
    clock = StreamClock(paced=True)
    due = [clock.observe(number / 25, EPOCH_S + number * 0.001) for number in range(100)]
    assert due == pytest.approx([EPOCH_S + number / 25 for number in range(100)])


def test_paced_stream_that_cannot_keep_up_is_not_hurried() -> None:
    clock = StreamClock(paced=True)
    clock.observe(0.0, EPOCH_S)
    assert clock.observe(1.0, EPOCH_S + 1 + MAX_LAG_S + 0.5) == EPOCH_S + 1 + MAX_LAG_S + 0.5


def test_packet_without_timestamp_is_from_when_it_came() -> None:
    clock = StreamClock(paced=False)
    assert clock.observe(None, EPOCH_S) == EPOCH_S
    assert clock.time_of(None, otherwise=EPOCH_S) == EPOCH_S
    clock.observe(3.0, EPOCH_S + 1)
    assert clock.time_of(2.5, otherwise=0.0) == EPOCH_S + 0.5
