"""The pipeline against the bare loop: how its turns become figures, and what the page says of them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from benchmarks.lines import LINES
from benchmarks.performance import pipeline_text
from benchmarks.pipeline import Loop, Turn, summary


def turn(per_s: float, bare_per_s: float, bare_s: float, worker_s: float) -> Turn:
    return (per_s, {"worker": worker_s, "redis": 0.001, "feeder": 0.002}), (bare_per_s, bare_s), (1.0, bare_s + 0.001)


def test_ratios_are_taken_within_each_round_so_that_a_slow_one_counts_as_little_as_a_fast_one() -> None:
    figures = summary([turn(80, 100, 0.008, 0.009), turn(20, 25, 0.016, 0.019), turn(90, 100, 0.008, 0.009)])
    assert figures == {
        "frames_per_s": 80,
        "bare_frames_per_s": 100,
        "ratio": 0.8,
        "cpu_ratio": 0.8,
        "cpu_ms_per_frame": {"worker": 9.0, "redis": 1.0, "feeder": 2.0, "bare": 8.0, "recogniser": 9.0},
    }


def test_the_threads_of_a_loop_share_the_batches() -> None:
    done: list[tuple[int, int]] = []
    entered = threading.Barrier(2)

    def batch(number: int) -> None:
        if len(done) < 2:
            entered.wait(10)  # both threads are in it
        done.append((threading.get_ident(), number))

    frames_per_s, cpu_s = Loop([lambda: batch(0), lambda: batch(1)], size=4, threads=2).turn(0.0)
    assert sorted(number for _, number in done) == [0, 1]
    assert len({thread for thread, _ in done}) == 2
    assert frames_per_s > 0
    assert cpu_s > 0


@pytest.fixture
def figures() -> dict[str, Any]:
    quick, slow = summary([turn(150, 200, 0.004, 0.005)]), summary([turn(90, 100, 0.02, 0.021)])
    return {"subjects": {"quick model": {"1": quick, "8": slow}, "slow model": {"8": slow}}}


def test_the_page_names_the_models_that_miss_the_budget_and_what_a_frame_costs(figures: dict[str, Any]) -> None:
    report = {"figures": figures, "commit": "abc", "measured_at": "2026-11-24T10:00:00+00:00"}
    by_rate, by_cpu = (line.cells(report) for line in LINES if line.benchmark == "pipeline")
    reason = "**no** (quick model, batch 1: 4.0 of 6.0 ms of a frame are the models')"
    assert by_rate[1:4] == ("0.75", "≥ 0.85", reason)
    assert by_cpu[1:4] == ("0.667", "≥ 0.85", reason)
    figures["subjects"]["quick model"].pop("1")
    assert [line.cells(report)[3] for line in LINES if line.benchmark == "pipeline"] == ["yes", "yes"]


def test_the_page_shows_all_models_and_batches_with_the_parts_of_a_frame(figures: dict[str, Any]) -> None:
    rows = pipeline_text(figures).splitlines()
    assert len(rows) == 2 + 3
    assert rows[2] == "| quick model | 1 | 150 | 200 | 0.75 | 0.67 | 4.00 | 1.00 | 0.00 | 1.00 | 2.00 |"
