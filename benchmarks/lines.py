"""The budgets of docs/performance.md, and how each of its rows is read from what a benchmark has written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    what: str
    benchmark: str
    value: Callable[[Figures], float]
    budget: float
    most: bool = True
    """Whether the budget is the most; else the least."""
    why: Callable[[Figures], str] = lambda _: ""
    """What does not hold it, where it does not."""

    def cells(self, report: dict[str, Any]) -> tuple[str, ...]:
        """As the page shows it."""
        value = self.value(report["figures"])
        holds = value <= self.budget if self.most else value >= self.budget
        return (
            self.what,
            f"{value:.3g}",
            f"{'≤' if self.most else '≥'} {self.budget:g}",
            "yes" if holds else f"**no** {self.why(report['figures'])}".rstrip(),
            f"`{self.benchmark}`",
            report["commit"],
            report["measured_at"][:10],
        )


def growing(figures: Figures) -> str:
    """The processes of a soak that grow."""
    grown = {name: one for name, one in figures["growth"].items() if not one["flat"]}
    reasons = {name: one.get("why") or f"{one['mb_per_hour']} MB an hour" for name, one in grown.items()}
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())


def steepest(figures: Figures) -> str:
    """The cost that grows most with the number of cameras."""
    exponents: dict[str, float] = figures["exponents"]
    return max(exponents, key=exponents.__getitem__)


def least_of(figures: Figures, name: str) -> tuple[str, str, Figures]:
    """The models and the size of batch for which that figure of the pipeline is least, and its figures."""
    rows = [(models, size, row) for models, sizes in figures["subjects"].items() for size, row in sizes.items()]
    return min(rows, key=lambda row: row[2][name])


def where_least(figures: Figures, name: str) -> str:
    """It in words, with what a frame costs there."""
    models, size, row = least_of(figures, name)
    cpu_ms = row["cpu_ms_per_frame"]
    ours_ms = cpu_ms["worker"] + cpu_ms["redis"]
    return f"({models}, batch {size}: {cpu_ms['bare']:.1f} of {ours_ms:.1f} ms of a frame are the models')"


def fairness(figures: Figures) -> float:
    """Of cameras that ask for more than there is."""
    served = figures["runs"]["150%"]["served_per_camera"]
    return float(served["least"] / max(served["most"], 1e-3))


LINES = (
    Line(
        "pipeline ÷ bare `session.run` loop, frames/s: least", "pipeline",
        lambda f: least_of(f, "ratio")[2]["ratio"], 0.85, most=False, why=lambda f: where_least(f, "ratio"),
    ),
    Line(
        "bare `session.run` loop ÷ pipeline, processor time: least", "pipeline",
        lambda f: least_of(f, "cpu_ratio")[2]["cpu_ratio"], 0.85, most=False,
        why=lambda f: where_least(f, "cpu_ratio"),
    ),
    Line("plates: picture ÷ two bare models", "plates_picture", lambda f: f["ratio_of_means"], 1.3),
    Line("queue overhead ÷ plate models, a frame", "queue_overhead", lambda f: f["overhead_ratio"], 0.05),
    Line("queue overhead, CPU-ms a frame", "queue_overhead", lambda f: f["cpu_ms_per_frame"], 1.0),
    Line("capture ÷ bare decode", "capture", lambda f: f["recognition alone"]["ratio"], 1.15),
    Line("recording ÷ bare demux and remux", "recording", lambda f: f["ratio"], 1.3),
    Line("p99 frame → observation at 70 % ÷ (3 batches + 60 ms)", "latency", lambda f: f["p99_at_70_to_budget"], 1.0),
    Line("served at 150 % ÷ capacity", "latency", lambda f: f["served_at_150_to_capacity"], 0.95, most=False),
    Line("p99 frame → observation at 150 %, s", "latency", lambda f: f["runs"]["150%"]["age_s"]["p99"], 0.2),
    Line("fairness at 150 %: least ÷ most served of a camera", "latency", fairness, 0.95, most=False),
    Line(
        "100 cameras: least reached ÷ asked while moving", "hundred",
        lambda f: f["reached_to_asked_while_moving"]["least"], 0.9, most=False,
    ),
    Line("100 cameras: p99 frame → observation, s", "hundred", lambda f: f["frame_age_s"]["p99"], 5.0),
    Line("100 cameras: frames unaccounted for ÷ due", "hundred", lambda f: f["frames"]["unaccounted_share"], 0.01),
    Line("GET /events p95, a million rows ÷ a thousand", "api_events", lambda f: f["worst_ratio"], 1.5),
    Line(
        "search of 100 000 vectors ÷ matrix product", "reid_search",
        lambda f: max(f["ratio_to_bare"].values()), 2.0,
    ),
    Line(
        "30-s clip of a day of 100 cameras: p95 less copying, ms", "clips",
        lambda f: f["clip"]["p95_ms"] - f["clip"]["copying_p50_ms"], 300.0,
    ),
    Line(
        "playlist of a day: p95 or slowest first, ms", "clips",
        lambda f: max(f["playlist"]["p95_ms"], *f["playlist"]["first_ms"]), 200.0,
    ),
    Line(
        "soak of half an hour: processes that grow", "soak",
        lambda f: sum(not one["flat"] for one in f["growth"].values()), 0, why=growing,
    ),
    Line(
        "cameras held ÷ the usual way, all moving", "baseline",
        lambda f: f["camrec_all_moving"] / max(1, f["usual_way"]), 1, most=False,
    ),
    Line("0 to 1000 cameras: largest exponent of a cost", "fanout", lambda f: f["worst_exponent"], 1.1, why=steepest),
    Line("frame store write ÷ bare copy", "frame_store", lambda f: f["write_ratio"], 1.5),
)  # fmt: skip
