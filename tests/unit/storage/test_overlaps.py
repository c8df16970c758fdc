"""What is played where two nodes recorded at once."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.overlaps import recorded_twice, without_repeats


class Stretch(NamedTuple):
    started_at: float
    ended_at: float
    run: str
    node: str = "here"


def stretches(run: str, *times: float, node: str = "here") -> list[Stretch]:
    """Segments from each of the times to the next."""
    return [Stretch(a, b, run, node) for a, b in pairwise(times)]


def shown(chosen: list[Stretch]) -> str:
    return " ".join(f"{s.run}{s.started_at:g}" for s in chosen)


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param(stretches("x", 0, 4, 8), "x0 x4", id="one run"),
        pytest.param(stretches("x", 0, 4) + stretches("y", 9, 13), "x0 y9", id="a gap"),
        pytest.param(stretches("x", 0, 4, 8, 12) + stretches("y", 2, 6, 10), "x0 x4 x8", id="one inside the other"),
        pytest.param(stretches("x", 0, 4, 8) + stretches("y", 2, 6, 10, 14), "x0 x4 y6 y10", id="one after the other"),
        pytest.param(stretches("x", 0, 4) + stretches("y", 2, 6), "x0 y2", id="the last one lasts longer"),
        pytest.param(stretches("x", 0, 4) + stretches("y", 1, 5) + stretches("z", 3, 7, 11), "x0 z3 z7", id="three"),
        pytest.param([Stretch(0, 4, "x"), Stretch(3.9, 8, "y")], "x0 y3.9", id="seams may overlap a little"),
    ],
)
def test_chosen(segments: list[Stretch], expected: str) -> None:
    assert shown(without_repeats(sorted(segments))) == expected


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        pytest.param(stretches("x", 0, 4, 8) + stretches("y", 8, 12), [], id="nothing"),
        pytest.param(
            stretches("x", 0, 4, 8, 12) + stretches("y", 1, 5, 9, 13, 17), [(1, 9)], id="the clock was set back"
        ),
        pytest.param(stretches("x", 0, 4) + stretches("y", 3.9, 8), [], id="a seam"),
        pytest.param(
            stretches("x", 0, 4, 8, 12) + stretches("y", 1, 5, 9, 13, node="other"), [], id="another node saw the same"
        ),
        pytest.param(
            stretches("x", 0, 4, 8, node="other") + stretches("y", 10, 14, 18) + stretches("z", 1, 5, 9, 11, 15),
            [(10, 14)],
            id="only where its own is shown",
        ),
    ],
)
def test_recorded_twice(segments: list[Stretch], expected: list[tuple[float, float]]) -> None:
    recorded = sorted(segments)
    assert recorded_twice(recorded, without_repeats(recorded)) == expected


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6), st.sampled_from("xyz")), max_size=12))
def test_all_that_was_recorded_is_seen(recorded: list[tuple[int, int, str]]) -> None:
    ends: dict[str, int] = {}
    segments = []
    for start, length, run in sorted(recorded):
        if start >= ends.get(run, 0):  # a run does not overlap itself
            segments.append(Stretch(start, start + length, run))
            ends[run] = start + length
    chosen = without_repeats(segments)
    assert {t for s in chosen for t in range(int(s.started_at), int(s.ended_at))} == {
        t for s in segments for t in range(int(s.started_at), int(s.ended_at))
    }
