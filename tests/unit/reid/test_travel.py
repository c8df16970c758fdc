from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sightings import Seen
from reid.travel import FEWEST_TRANSITIONS, LONGEST_S, SLACK, learn


def walk(number: int, took_s: float, cameras: tuple[int, int] = (1, 2), start: float = 0.0) -> list[Seen]:
    """One person on one camera for ten seconds, and that much later on another."""
    at, (left, reached) = start + 10_000.0 * number, cameras
    return [
        Seen(str(number), left, at, at + 10),
        Seen(str(number), reached, at + 10 + took_s, at + 20 + took_s),
    ]


def walks(*took_s: float, cameras: tuple[int, int] = (1, 2)) -> list[Seen]:
    return [seen for number, one in enumerate(took_s) for seen in walk(number, one, cameras)]


def test_the_quickest_few_tell_each_way_by_itself() -> None:
    there, back = walks(*np.linspace(40, 80, 41)), walks(*[20.0] * 25, cameras=(2, 1))
    way, other = learn([*there, *[Seen(f"b{s.identity_id}", *_rest(s)) for s in back]])
    assert (way.from_camera, way.to_camera, way.transitions) == (1, 2, 41)
    assert way.least_s == pytest.approx(SLACK * 42)
    assert (other.from_camera, other.to_camera, other.least_s) == (2, 1, SLACK * 20)


def _rest(seen: Seen) -> tuple[int, float, float]:
    return seen.camera_id, seen.started_at, seen.ended_at


@pytest.mark.parametrize(
    "passages",
    [
        pytest.param(walks(*[30.0] * (FEWEST_TRANSITIONS - 1)), id="too few"),
        pytest.param(walks(*[LONGEST_S + 1] * 50), id="not straight"),
        pytest.param(walks(*[30.0] * 50, cameras=(1, 1)), id="on one camera"),
        pytest.param([Seen(str(n), 1 + n % 2, 100.0 * n, 100.0 * n + 10) for n in range(100)], id="other people"),
    ],
)
def test_what_teaches_nothing(passages: list[Seen]) -> None:
    assert learn(passages) == []


def test_views_that_overlap_take_no_time() -> None:
    (way,) = learn(walks(*[-5.0] * 30))
    assert way.least_s == 0.0


def test_one_wrong_match_does_not_open_the_way() -> None:
    (way,) = learn(walks(0.0, *[60.0] * 40))
    assert way.least_s == pytest.approx(SLACK * 60)


def test_what_was_forgotten_does_not_count() -> None:
    passages = walks(*[30.0] * 30)
    assert learn(passages, {(1, 2): passages[-1].started_at}) == []
    assert learn(passages, {(2, 1): passages[-1].started_at}) == learn(passages)


@given(st.lists(st.floats(0, LONGEST_S), min_size=FEWEST_TRANSITIONS, max_size=60))
def test_most_of_those_who_went_would_not_be_ruled_out(took_s: list[float]) -> None:
    (way,) = learn(walks(*took_s))
    assert way.transitions == len(took_s)
    assert sum(one < way.least_s - 0.1 for one in took_s) <= 0.05 * len(took_s) + 1
