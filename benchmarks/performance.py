"""Writes docs/performance.md and its plots from benchmarks/results/: every figure with its budget, commit and machine.

.venv/bin/python -m benchmarks.performance
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.report import RESULTS, ROOT

mpl.use("agg")
from matplotlib import pyplot as plt

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
HEAD = """# Performance

Written by `python -m benchmarks.performance` from what `make bench` and `make bench-hundred` left in
`benchmarks/results/`. Ratios are taken within one run; the machine has two cores and no GPU, and shares its host with
others, so absolute times vary by a fifth.
**A plus behind a commit**: the tree had changes that were not committed yet.

| what | reached | budget | holds | benchmark | commit | when |
|---|---|---|---|---|---|---|
"""
TAIL = """
## Machine
{machine}

## A hundred cameras
![memory, threads and descriptors](images/hundred.png)

100 RTSP cameras of 640x360, 15 frames/s, a key frame every 2 s, all recorded, persons by yolox_nano_416 asked once a
second (`reid`); a third of them shows people who walk at any time. The cameras' server runs on the same two cores.

{hundred}

With motion in all of them at once, more than two cores can do, every camera gets the same share:

{all_moving}

## Latency
![age of observations](images/latency.png)

Beyond capacity no queue grows: each camera has one token, so a frame waits for as long as all cameras take one turn,
cameras / capacity.

## Not measured
- GPU: none was at hand. Nothing here says how many cameras a GPU holds.
- Soak of 30 minutes, fan-out to a thousand simulated cameras, and a baseline of one thread a camera: not built yet.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    what: str
    benchmark: str
    value: Callable[[dict[str, Any]], float]
    budget: float
    most: bool = True
    """Whether the budget is the most; else the least."""

    def text(self, report: dict[str, Any]) -> str:
        """As the page shows it."""
        value = self.value(report["figures"])
        holds = value <= self.budget if self.most else value >= self.budget
        sign = "≤" if self.most else "≥"
        cells = (
            self.what, f"{value:.3g}", f"{sign} {self.budget:g}", "yes" if holds else "**no**",
            f"`{self.benchmark}`", report["commit"], report["measured_at"][:10],
        )  # fmt: skip
        return f"| {' | '.join(cells)} |"


LINES = (
    Line("pipeline ÷ bare `session.run` loop", "pipeline", lambda f: f["ratio"], 0.85, most=False),
    Line("plates: picture ÷ two bare models", "plates_picture", lambda f: f["ratio_of_means"], 1.3),
    Line("queue overhead ÷ plate models, a frame", "queue_overhead", lambda f: f["overhead_ratio"], 0.05),
    Line("capture ÷ bare decode", "capture", lambda f: f["recognition alone"]["ratio"], 1.15),
    Line("recording ÷ bare demux and remux", "recording", lambda f: f["ratio"], 1.3),
    Line("p99 frame → observation at 70 % ÷ (3 batches + 60 ms)", "latency", lambda f: f["p99_at_70_to_budget"], 1.0),
    Line("served at 150 % ÷ capacity", "latency", lambda f: f["served_at_150_to_capacity"], 0.95, most=False),
    Line("p99 frame → observation at 150 %, s", "latency", lambda f: f["runs"]["150%"]["age_s"]["p99"], 0.2),
    Line(
        "100 cameras: least reached ÷ asked while moving", "hundred",
        lambda f: f["reached_to_asked_while_moving"]["least"], 0.9, most=False,
    ),
    Line("100 cameras: p99 frame → observation, s", "hundred", lambda f: f["frame_age_s"]["p99"], 5.0),
    Line("GET /events p95, a million rows ÷ a thousand", "api_events", lambda f: f["worst_ratio"], 1.5),
    Line(
        "search of 100 000 vectors ÷ matrix product", "reid_search",
        lambda f: max(f["ratio_to_bare"].values()), 2.0,
    ),
    Line("frame store write ÷ bare copy", "frame_store", lambda f: f["write_ratio"], 1.5),
)  # fmt: skip


def report_of(name: str) -> dict[str, Any] | None:
    """What a benchmark has written; None: it has not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def plot_hundred(figures: dict[str, Any], target: Path) -> None:
    """Memory, threads and descriptors over the run: what must be flat."""
    sizes = figures["sizes"]
    minutes = [size["at_s"] / 60 for size in sizes]
    figure, axes = plt.subplots(1, 3, figsize=(11, 2.8), layout="constrained")
    for axis, name, title in zip(
        axes,
        ("rss_mb", "threads", "descriptors"),
        ("memory of all processes, MB", "threads", "descriptors"),
        strict=True,
    ):
        axis.plot(minutes, [size[name] for size in sizes], color="tab:blue")
        axis.set(title=title, xlabel="minutes", ylim=(0, None))
        axis.grid(alpha=0.3)
    figure.savefig(target, dpi=90)
    plt.close(figure)


def plot_latency(figures: dict[str, Any], target: Path) -> None:
    """Quantiles of the age of observations by load."""
    runs = figures["runs"]
    figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
    for name, colour in (("p50", "tab:green"), ("p95", "tab:orange"), ("p99", "tab:red")):
        axis.plot(list(runs), [run["age_s"][name] * 1e3 for run in runs.values()], marker="o", label=name, color=colour)
    axis.axhline(figures["budgets"]["p99_at_70_s"] * 1e3, linestyle=":", color="grey", label="budget at 70 %")
    axis.set(xlabel="load, of capacity", ylabel="ms from frame to observation", ylim=(0, None))
    axis.legend()
    axis.grid(alpha=0.3)
    figure.savefig(target, dpi=90)
    plt.close(figure)


def hundred_text(report: dict[str, Any]) -> str:
    """The figures of the hundred cameras, as a list."""
    figures = report["figures"]
    shown = {k: v for k, v in figures.items() if k not in {"sizes", "first", "last"}}
    return "\n".join(f"- {name.replace('_', ' ')}: `{json.dumps(value)}`" for name, value in shown.items())


def main() -> None:
    """Write the page and its plots."""
    reports = {line.benchmark: report_of(line.benchmark) for line in LINES}
    rows = [line.text(report) for line in LINES if (report := reports[line.benchmark]) is not None]
    IMAGES.mkdir(exist_ok=True)
    hundred, latency = reports["hundred"], reports["latency"]
    if hundred is None or latency is None:
        raise SystemExit("Run benchmarks.hundred and benchmarks.latency first.")
    plot_hundred(hundred["figures"], IMAGES / "hundred.png")
    plot_latency(latency["figures"], IMAGES / "latency.png")
    machine = ", ".join(f"{name} {value}" for name, value in hundred["machine"].items())
    all_moving = report_of("hundred_all_moving")
    texts = {
        "machine": machine,
        "hundred": hundred_text(hundred),
        "all_moving": "not measured" if all_moving is None else hundred_text(all_moving),
    }
    page = HEAD + "\n".join(rows) + "\n" + TAIL.format(**texts)
    PAGE.write_text(page, "utf-8")
    print(f"written to {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
