from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.sampler import IDLE_FPS, Pacer, Sampler

START_S = 1_795_500_000.0
rates = st.floats(0.1, 60.0)


def taken(fps: float, times_s: list[float]) -> list[float]:
    pacer = Pacer(fps)
    return [at_s for at_s in times_s if pacer.take(at_s)]


def regular(fps: float, duration_s: float) -> list[float]:
    return [START_S + number / fps for number in range(round(duration_s * fps))]


@pytest.mark.parametrize(
    ("stream_fps", "asked_fps", "expected_fps"),
    [
        pytest.param(15.0, 5.0, 5.0, id="every third"),
        pytest.param(12.5, 5.0, 5.0, id="two of five"),
        pytest.param(25.0, 5.0, 5.0, id="every fifth"),
        pytest.param(29.97, 5.0, 5.0, id="NTSC"),
        pytest.param(15.0, 15.0, 15.0, id="all"),
        pytest.param(4.0, 5.0, 4.0, id="slower than asked"),
        pytest.param(30.0, 0.2, 0.2, id="one in five seconds"),
    ],
)
def test_mean_rate_is_the_one_asked(stream_fps: float, asked_fps: float, expected_fps: float) -> None:
    duration_s = 100.0
    count = len(taken(asked_fps, regular(stream_fps, duration_s)))
    assert count / duration_s == pytest.approx(expected_fps, abs=1.5 / duration_s)


def test_spacing_is_even_where_the_rates_allow_it() -> None:
    gaps_s = [b - a for a, b in pairwise(taken(5.0, regular(15.0, 10.0)))][1:]
    assert gaps_s == pytest.approx([0.2] * len(gaps_s))


@given(rates, rates, st.integers(0, 2**32))
def test_jitter_costs_no_frames(stream_fps: float, asked_fps: float, seed: int) -> None:
    rng = random.Random(seed)
    count = 300
    times_s = [START_S + (number + rng.uniform(-0.2, 0.2)) / stream_fps for number in range(count)]
    expected = count * min(1.0, asked_fps / stream_fps)
    # Half an interval of tolerance at either end, and rates that are nearly equal may miss a beat.
    assert abs(len(taken(asked_fps, times_s)) - expected) <= 2 + 0.02 * expected


@given(st.floats(1.0, 30.0), st.floats(-1000.0, 1000.0))
def test_pacer_survives_a_jump_of_the_clock(asked_fps: float, jump_s: float) -> None:
    pacer = Pacer(asked_fps)
    for at_s in regular(30.0, 5.0):
        pacer.take(at_s)
    after = [pacer.take(at_s + 5.0 + jump_s) for at_s in regular(30.0, 5.0)]
    assert sum(after) == pytest.approx(asked_fps * 5.0, abs=2.5)


def run(
    sampler: Sampler, *, fps: float, gop_s: float, duration_s: float, from_s: float = 0.0
) -> tuple[int, Counter[str]]:
    """Packets that were decoded, and frames that each consumer got."""
    decoded = 0
    got: Counter[str] = Counter()
    gop = round(fps * gop_s)
    for number, at_s in enumerate(from_s + at_s for at_s in regular(fps, duration_s)):
        if sampler.wants(number % gop == 0, at_s):
            decoded += 1
            if sampler.take(at_s):
                got["sampled"] += 1
                got.update(sampler.consumers(at_s))
    return decoded, got


@pytest.mark.parametrize(
    ("asked", "gop_s", "key_frames_only"),
    [
        pytest.param({"plates": 5.0, "keep": 1.0}, 2.0, False, id="5 fps of GOPs of 2 s"),
        pytest.param({"keep": 0.5}, 2.0, True, id="exactly the key frames"),
        pytest.param({"keep": 0.6}, 2.0, False, id="a little more than the key frames"),
        pytest.param({"plates": 5.0}, 1 / 15, True, id="motion JPEG: every frame is a key frame"),
        pytest.param({}, 2.0, True, id="nothing asked"),
        pytest.param({"keep": 0.0}, 2.0, True, id="keeping switched off"),
    ],
)
def test_key_frames_alone_are_decoded_where_they_suffice(
    asked: dict[str, float], gop_s: float, key_frames_only: bool
) -> None:
    sampler = Sampler(asked)
    run(sampler, fps=15.0, gop_s=gop_s, duration_s=10.0)
    assert sampler.key_frames_only is key_frames_only
    assert sampler.gop_s == pytest.approx(gop_s)


def test_only_frames_that_are_taken_are_decoded_of_motion_jpeg() -> None:
    decoded, got = run(Sampler({"plates": 5.0}), fps=15.0, gop_s=1 / 15, duration_s=20.0)
    assert decoded == pytest.approx(100, abs=3)
    assert got["plates"] == pytest.approx(100, abs=2)


def test_each_consumer_gets_its_own_rate() -> None:
    _, got = run(Sampler({"plates": 5.0, "falls": 2.0, "keep": 1.0}), fps=15.0, gop_s=2.0, duration_s=60.0)
    assert got["sampled"] == got["plates"] == pytest.approx(300, abs=2)
    assert got["falls"] == pytest.approx(120, abs=2)
    assert got["keep"] == pytest.approx(60, abs=2)


def test_camera_of_which_nothing_is_asked_still_shows_a_picture() -> None:
    _, got = run(Sampler({}), fps=15.0, gop_s=2.0, duration_s=60.0)
    assert got["sampled"] == pytest.approx(60 * IDLE_FPS, abs=2)


def test_a_frame_out_of_turn_is_the_next_one_of_its_consumers() -> None:
    sampler = Sampler({"plates": 2.0, "falls": 1.0, "keep": 0.5})
    got = []
    for at_s in regular(10.0, 5.0):
        is_due, is_now = sampler.take(at_s), at_s == START_S + 2.3
        if is_now:
            sampler.take_at_once(at_s, ["plates", "falls"])
        if is_due or is_now:
            got += [(consumer, round(at_s - START_S, 1)) for consumer in sampler.consumers(at_s)]
    assert [at_s for consumer, at_s in got if consumer == "plates"] == [
        *[0.0, 0.3, 0.8, 1.3, 1.8],
        *[2.3, 2.6, 3.1, 3.6, 4.1, 4.6],
    ]
    assert [at_s for consumer, at_s in got if consumer == "falls"] == [0.0, 0.8, 1.8, 2.3, 3.1, 4.1]
    assert [at_s for consumer, at_s in got if consumer == "keep"] == [0.0, 1.3, 3.1]


def test_stream_is_decoded_from_a_key_frame_on() -> None:
    sampler = Sampler({"plates": 5.0})
    assert not sampler.wants(False, START_S)
    assert sampler.wants(True, START_S + 0.1)
    assert sampler.wants(False, START_S + 0.2)


def test_after_damage_everything_is_skipped_up_to_the_next_key_frame() -> None:
    sampler = Sampler({"plates": 5.0})
    sampler.wants(True, START_S)
    sampler.corrupt()
    assert not sampler.wants(False, START_S + 0.1)
    assert sampler.wants(True, START_S + 2.0)
    assert sampler.wants(False, START_S + 2.1)


def test_mode_changes_at_a_key_frame_only() -> None:
    sampler = Sampler({"plates": 5.0})
    for number in range(45):
        sampler.wants(number % 15 == 0, START_S + number / 15)
    sampler.set_rates({"keep": 0.5})
    assert sampler.wants(False, START_S + 3.0 - 1 / 15)
    sampler.wants(True, START_S + 3.0)
    assert sampler.key_frames_only
    sampler.set_rates({"plates": 5.0})
    assert not sampler.wants(False, START_S + 3.1)
    assert sampler.wants(True, START_S + 4.0)
    assert sampler.wants(False, START_S + 4.1)


def test_key_frame_of_two_slices_is_one() -> None:
    sampler = Sampler({"plates": 5.0})
    for number in range(5):
        for _slice in range(2):
            sampler.wants(True, START_S + 2.0 * number)
    assert sampler.gop_s == pytest.approx(2.0)


def test_camera_whose_key_frames_do_not_stand_alone_is_decoded_whole() -> None:
    sampler = Sampler({"keep": 0.5})
    run(sampler, fps=15.0, gop_s=2.0, duration_s=10.0)
    assert not sampler.wants(False, START_S + 9.99)
    sampler.key_frame_failed()
    sampler.wants(True, START_S + 10.0)
    assert sampler.wants(False, START_S + 10.1)


@pytest.mark.parametrize(
    ("gop_s", "asked", "share"),
    [
        pytest.param(2.0, {"reid": 1.0}, 0.5, id="two of two seconds"),
        pytest.param(4.0, {"reid": 1.0, "keep": 0.5}, 0.75, id="four of four seconds"),
        pytest.param(2.0, {"reid": 0.6}, 0.47, id="1.2 frames of a group"),
        pytest.param(2.0, {"falls": 8.0}, 1.0, id="no rest that is worth it"),
    ],
)
def test_the_decoder_rests_after_the_last_frame_that_is_wanted(
    gop_s: float, asked: dict[str, float], share: float
) -> None:
    sampler = Sampler(asked)
    run(sampler, fps=15.0, gop_s=gop_s, duration_s=40.0)
    decoded, got = run(sampler, fps=15.0, gop_s=gop_s, duration_s=120.0, from_s=40.0)
    assert decoded / (120 * 15) == pytest.approx(share, abs=0.1)
    assert got["sampled"] == pytest.approx(120 * max(asked.values()), abs=2)


@settings(max_examples=40)
@given(st.integers(2, 5), st.sampled_from([0.5, 1.0, 2.0]), st.floats(0.0, 0.02), st.integers(0, 2**32))
def test_frames_in_step_with_key_frames_stay_even(frames: int, fps: float, jitter_s: float, seed: int) -> None:
    rng, sampler, gop_s = random.Random(seed), Sampler({"reid": fps}), frames / fps
    times_s = [at_s + rng.uniform(-jitter_s, jitter_s) for at_s in regular(15.0, 20 * gop_s)]
    taken_s = [
        at_s
        for number, at_s in enumerate(times_s)
        if sampler.wants(number % round(15 * gop_s) == 0, at_s) and sampler.take(at_s)
    ]
    gaps = [(b - a) * fps for a, b in pairwise(taken_s)]
    assert len(taken_s) == pytest.approx(20 * frames, abs=2)
    assert max(gaps) <= 1.5 + fps / 15
    assert min(gaps[1:]) >= 0.75 - fps / 15  # the first frame is the one from which a rate counts


def test_nobody_rests_while_somebody_looks() -> None:
    sampler, decoded = Sampler({"reid": 1.0}), 0
    for number, at_s in enumerate(regular(15.0, 40.0)):
        decoded += sampler.wants(number % 30 == 0, at_s, looks_at_s=at_s + 0.25)
        sampler.take(at_s)
    assert decoded == 40 * 15


@pytest.fixture
def resting() -> Sampler:
    sampler = Sampler({"reid": 1.0})
    run(sampler, fps=15.0, gop_s=2.0, duration_s=20.0)
    assert not sampler.wants(False, START_S + 19.99)
    return sampler


def rests(sampler: Sampler, from_s: float) -> bool:
    decoded, _ = run(sampler, fps=15.0, gop_s=2.0, duration_s=30.0, from_s=from_s)
    return decoded < 0.9 * 30 * 15


def test_a_key_frame_that_does_not_come_is_not_waited_for(resting: Sampler) -> None:
    wanted = [resting.wants(False, at_s) for at_s in (START_S + 20.4, START_S + 20.6, START_S + 20.7)]
    assert wanted == [False, True, True]
    assert resting.wants(True, START_S + 27.0)
    assert not resting.has_rested, "its decoder goes on from what was left out"
    assert rests(resting, 29.0), "once its groups are regular again"


def test_a_little_jitter_of_a_key_frame_changes_nothing(resting: Sampler) -> None:
    assert rests(resting, 20.05)


@pytest.mark.parametrize("slices", [1, 2])
@pytest.mark.parametrize(
    ("broken", "times", "may_rest"),
    [("damaged", 1, True), ("damaged", 2, False), ("shows a later picture first", 1, False)],
)
def test_key_frames_that_build_on_what_was_left_out_end_all_rests(
    resting: Sampler, broken: str, times: int, may_rest: bool, slices: int
) -> None:
    for number in range(times):
        key_s = START_S + 20.0 + 2.0 * number
        resting.rests = True
        for _ in range(slices):
            assert resting.wants(True, key_s)
        if broken == "damaged":
            resting.corrupt()
        else:
            resting.resumed(is_key_shown=False)
    assert rests(resting, 20.0 + 2.0 * times) is may_rest


def test_after_a_key_frame_that_stood_alone_damage_is_damage(resting: Sampler) -> None:
    for number in range(3):
        resting.rests = True
        resting.wants(True, START_S + 20.0 + 2.0 * number)
        resting.resumed(is_key_shown=True)
        resting.corrupt()
    assert rests(resting, 26.0)


def test_a_new_connection_may_rest_again(resting: Sampler) -> None:
    resting.key_frame_failed()
    resting.restart()
    assert rests(resting, 22.0)
