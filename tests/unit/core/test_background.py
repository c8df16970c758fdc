"""Figures that are worked out beside the scrape."""

from __future__ import annotations

import threading

from core.background import Background
from core.errors import UnavailableError
from tests.support.manual_clock import ManualClock
from tests.support.waiting import wait_until


def test_nobody_waits_and_the_last_figures_stay_until_there_are_new_ones() -> None:
    clock, may_go_on, runs = ManualClock(), threading.Event(), iter(range(1, 10))

    def work_out() -> int:
        may_go_on.wait(5)
        return next(runs)

    background = Background(work_out, 300.0, clock)
    assert background.newest() is None
    assert background.newest() is None, "one run at a time"
    may_go_on.set()
    assert wait_until(background.newest, "the first figures", 5) == 1
    may_go_on.clear()
    clock.sleep(301)
    assert background.newest() == 1, "new ones are worked out meanwhile"
    may_go_on.set()
    assert wait_until(lambda: background.newest() == 2, "the second figures", 5)
    assert background.newest() == 2


def has_ended() -> bool:
    return not any(thread.name == "figures" for thread in threading.enumerate())


def test_a_database_that_is_away_costs_no_figures() -> None:
    answers: list[int | Exception] = [1, UnavailableError("away"), 3]

    def work_out() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    clock = ManualClock()
    background = Background(work_out, 300.0, clock)
    found = []
    for _ in range(4):
        found.append(background.newest())
        wait_until(has_ended, "the figures are worked out", 5)
        clock.advance(301 if len(found) < 3 else 0)
    assert found == [None, 1, 1, 3]
