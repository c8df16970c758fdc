"""The search for the most cameras that are held."""

from __future__ import annotations

import pytest

from benchmarks.baseline.__main__ import MOST_CAMERAS, PRECISION, Trial, search


@pytest.mark.parametrize("start", [2, 4, 32])
@pytest.mark.parametrize("limit", [0, 1, 5, 24, 61, 159, MOST_CAMERAS, 10 * MOST_CAMERAS])
def test_search_finds_the_limit(limit: int, start: int) -> None:
    tried: list[int] = []

    def trial(cameras: int) -> Trial:
        tried.append(cameras)
        return Trial(cameras, least_reached=1.0 if cameras <= limit else 0.5, mean_reached=1.0, age_p99_s=0.1)

    held, trials = search(trial, start)
    expected = min(limit, MOST_CAMERAS)
    assert expected - max(1, PRECISION * expected) <= held <= expected
    assert [t.cameras for t in trials] == tried
    assert len(tried) == len(set(tried)) <= 12


def test_old_frames_are_not_held() -> None:
    assert not Trial(10, least_reached=1.0, mean_reached=1.0, age_p99_s=6.0).holds
