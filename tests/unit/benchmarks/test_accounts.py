"""Whether frames of which no counter tells are found, and where."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.accounts import account

CLOSED = {
    "offered": 90, "still": 10, "superseded": 20, "served": 67, "observed": 60,
    "worker:expired": 2, "worker:worker_busy": 1, "worker:duplicate": 4, "worker:no_clip": 3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("lost", "before_the_worker", "in_the_worker"),
    [
        pytest.param({}, 0, 0, id="none"),
        pytest.param({"served": 5, "observed": 5}, 5, 0, id="messages lost"),
        pytest.param({"worker:no_clip": 3}, 0, 3, id="a drop that is not counted"),
        pytest.param({"worker:expired": 2}, 2, 0, id="an expiry that is not counted"),
        pytest.param({"observed": 1, "superseded": 4}, 4, 1, id="at both places"),
    ],
)
def test_unaccounted_frames_are_found(lost: dict[str, int], before_the_worker: int, in_the_worker: int) -> None:
    before = Counter({"offered": 1000, "superseded": 30, "served": 970, "observed": 970})
    after = before + Counter(CLOSED) - Counter(lost)
    found = account(before, after, asked=101.4)
    assert found["unaccounted"] == {"from offer to worker": before_the_worker, "in the worker": in_the_worker}
    assert found["unaccounted_share"] == (before_the_worker + in_the_worker) / 100
    assert (found["asked"], found["due"], found["superseded"]) == (101, 100, 20 - lost.get("superseded", 0))
