"""What docs/performance.md says of figures."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks.accounts import account
from benchmarks.baseline.__main__ import MOST_AGE_S, third_moving
from benchmarks.latency import CAPACITY_LOAD, capacity_per_s
from benchmarks.lines import LINES, Line
from benchmarks.performance import hundred_text, latency_text, rows_and_machines, shown
from benchmarks.report import write_report

SOAK = next(line for line in LINES if line.what == "soak of half an hour: processes that grow")
LEAK = {"flat": False, "mb_per_hour": 90.5}


def report(figures: dict[str, Any]) -> dict[str, Any]:
    return {"figures": figures, "commit": "abc", "measured_at": "2026-11-24T10:00:00+00:00", "machine": {"cores": 2}}


@pytest.mark.parametrize(
    ("growth", "holds"),
    [
        ({"api": {"flat": True, "mb_per_hour": 0.1}}, "yes"),
        ({"api": {"flat": True}, "capture shard": LEAK}, "**no** capture shard: 90.5 MB an hour"),
        ({"api": {"flat": False, "why": "it ended"}, "beat": LEAK}, "**no** api: it ended; beat: 90.5 MB an hour"),
    ],
    ids=["flat", "one grows", "one ended, one grows"],
)
def test_where_a_budget_does_not_hold_the_row_says_why(growth: dict[str, Any], holds: str) -> None:
    assert SOAK.cells(report({"growth": growth}))[3] == holds


def test_a_row_without_a_reason_says_no() -> None:
    assert Line("it", "it", lambda f: f["x"], 1.0).cells(report({"x": 2.0}))[1:4] == ("2", "≤ 1", "**no**")


def test_one_machine_is_named_once_and_of_several_each_row_names_its_own() -> None:
    (head, *rows), machine = rows_and_machines([(("a",), "AMD"), (("b",), "AMD")])
    assert (head[-1], rows, machine) == ("when", [("a",), ("b",)], "AMD")
    (head, *rows), machines = rows_and_machines([(("a",), "AMD"), (("b",), "H100"), (("c",), "AMD")])
    assert (head[-1], rows) == ("machine", [("a", "1"), ("b", "2"), ("c", "1")])
    assert machines == "1. AMD\n2. H100"


def test_of_figures_of_an_older_benchmark_nothing_is_shown(results: None, capsys: pytest.CaptureFixture[str]) -> None:
    write_report("old", {"x": 1})
    assert shown("old", lambda found: found["figures"]["x"]) == 1
    assert shown("old", lambda found: found["figures"]["y"]) is None
    assert "old: no 'y'" in capsys.readouterr().out
    assert shown("none", lambda found: found) is None


@pytest.fixture
def results(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("report", "performance", "baseline.__main__"):
        monkeypatch.setattr(f"benchmarks.{module}.RESULTS", tmp_path)
    monkeypatch.setattr("benchmarks.report.ROOT", tmp_path)
    monkeypatch.setattr("benchmarks.report.STARTED_AT", "abc")


@pytest.mark.parametrize(
    ("least", "p99_s", "held"),
    [(0.95, 1.0, 100), (0.85, 1.0, 0), (0.95, MOST_AGE_S + 1, 0)],
    ids=["held", "too few", "too old"],
)
def test_a_third_moving_is_held_by_both_criteria(results: None, least: float, p99_s: float, held: int) -> None:
    assert third_moving() == (0, "none: it has not run")
    write_report(
        "hundred",
        {"cameras": 100, "reached_to_asked_while_moving": {"least": least}, "frame_age_s": {"p99": p99_s}},
    )
    assert third_moving() == (held, "abc")


def test_the_hundred_say_what_became_of_frames() -> None:
    frames = account(Counter(), Counter({"offered": 90, "still": 10, "served": 88, "observed": 87}), asked=101)
    text = hundred_text({
        "cameras": 100, "minutes": 10.0, "moving_share": 0.5, "cameras_below_0.9": 0, "cameras_that_moved": 100,
        "reached_to_asked_while_moving": {"least": 0.91}, "frame_age_s": {"count": 87, "p99": 1.2},
        "cores_used": {"worker plates,falls": 0.8, "worker events.0,events.1": 0.1}, "frames": frames,
        "cores_used_by_the_cameras": 0.03, "recording": {"recording": 100},
    })  # fmt: skip
    assert "| frames unaccounted for | from offer to worker 2, in the worker 1 |" in text
    assert "| frames | asked 101, due 100, observed 87, offered 90, served 88, still 10 |" in text
    assert "worker plates 0.8, worker events 0.1, the cameras' server 0.03" in text
    assert "{" not in text


def test_latency_says_the_spread_of_cameras_and_the_oldest() -> None:
    run = {
        "sent_per_s": 220.0, "served_per_s": 150.0, "served_per_camera": {"least": 7.4, "most": 7.6},
        "age_s": {"p50": 0.05, "p95": 0.09, "p99": 0.1, "most": 0.129},
    }  # fmt: skip
    assert "| 150% | 220.0 | 150.0 | 7.40 - 7.60 | 50 | 90 | 100 | 129 |" in latency_text({"runs": {"150%": run}})
    (line,) = (line for line in LINES if line.what.startswith("fairness"))
    assert line.value({"runs": {"150%": run}}) == pytest.approx(7.4 / 7.6)


def test_capacity_is_what_is_served_where_the_sender_takes_little() -> None:
    """The sender takes from the worker: a tenth of a frame served for each one sent."""
    sent: list[float] = []

    def served_per_s(fps: float) -> float:
        sent.append(fps)
        return min(fps, 200.0 - 0.1 * fps)

    capacity = capacity_per_s(served_per_s, 600.0)
    assert sent[0] == 600.0
    assert max(sent[1:]) <= CAPACITY_LOAD * capacity
    assert capacity > 1.2 * (200.0 - 0.1 * 600.0)
