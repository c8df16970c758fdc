"""Writes docs/performance.md and its plots from benchmarks/results/: every figure with its budget, commit and machine.

.venv/bin/python -m benchmarks.performance
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plots import plot_capture, plot_fanout, plot_latency, plot_soak
from benchmarks.report import RESULTS, ROOT

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
100 RTSP cameras of 640x360, 15 frames/s, a key frame every 2 s, all recorded, persons by yolox_nano_416 asked once a
second (`reid`); a third of them shows people who walk at any time. The cameras' server runs on the same two cores.

{hundred}

With motion in all of them at once, more than two cores can do, every camera gets the same share:

{all_moving}

## Soak
The same hundred cameras for longer (`python -m benchmarks.hundred --minutes 30 --name soak`).

{soak}

What may grow, and how far: the frames worker's threads and the memory of its models, up to the largest batch
(`CAMREC_MAX_BATCH`); SQLite's page cache, 2 MB for each connection, 30 connections a process at most; the gallery in
the events worker, about 4 KB a sighting until `CAMREC_REID_DAYS` are over (none with pgvector). The frame store is
shared memory and bounded by `CAMREC_FRAME_MEMORY`; it is not counted as a process's own. A camera's decoder keeps as
many pictures as its stream refers to, 0.37 MB each at 640x360, some of them only from the first lost packet on.

## Against the usual way
A thread for each camera with `cv2.VideoCapture`, every frame decoded and encoded as JPEG, eight writes to Redis for
each, one model call for one frame (`benchmarks/baseline`), on the same cores with the same model, which is asked once a
second of each camera. Held: every camera gets 0.9 recognitions a second, and p99 of the age of frames is below 5 s.

{baseline}

## Fan-out
Simulated cameras, which send 0.25 frames a second each, through frame store, Redis and real workers. Cost above that of
an empty installation = a · cameras^b:

{fanout}

## Capture
CPU of a whole shard for a second of a stream of 640x360 at 15 frames/s, with a key frame every 2 s:

{capture}

## Models and batches
Pictures a second through queue, scaling, session and decoding ÷ the bare loop of `session.run`, on all cores:

{pipeline}

## Latency
{latency}

Beyond capacity no queue grows: each camera has one token, so a frame waits for as long as all cameras take one turn,
cameras / capacity.

## Not measured
- GPU: none was at hand. Nothing here says how many cameras a GPU holds.
{missing}"""


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
    Line(
        "30-s clip of a day of 100 cameras: p95 less copying, ms", "clips",
        lambda f: f["clip"]["p95_ms"] - f["clip"]["copying_p50_ms"], 300.0,
    ),
    Line(
        "playlist of a day: p95 or slowest first, ms", "clips",
        lambda f: max(f["playlist"]["p95_ms"], *f["playlist"]["first_ms"]), 200.0,
    ),
    Line("models, batches 1-32: least ÷ bare loop", "pipeline_models", lambda f: f["least_ratio"], 0.85, most=False),
    Line("soak: processes that grow", "soak", lambda f: sum(not one["flat"] for one in f["growth"].values()), 0),
    Line("cameras held ÷ the usual way, all moving", "baseline", lambda f: f["times_more_all_moving"], 1, most=False),
    Line("0 to 1000 cameras: largest exponent of a cost", "fanout", lambda f: f["worst_exponent"], 1.1),
    Line("frame store write ÷ bare copy", "frame_store", lambda f: f["write_ratio"], 1.5),
)  # fmt: skip


def report_of(name: str) -> dict[str, Any] | None:
    """What a benchmark has written; None: it has not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


Table = Iterable[Sequence[object]]


def table(head: Sequence[str], rows: Table) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def hundred_text(figures: dict[str, Any]) -> str:
    """The figures of the hundred cameras, as a list."""
    shown = {k: v for k, v in figures.items() if k not in {"sizes", "growth", "first", "last"}}
    return "\n".join(f"- {name.replace('_', ' ')}: `{json.dumps(value)}`" for name, value in shown.items())


def soak_text(figures: dict[str, Any]) -> str:
    """Growth in the last two thirds of the run, by process."""
    head = ("process", "MB of its own", "MB an hour", "threads ±", "descriptors ±", "flat")
    rows = [
        (
            name, one.get("mb", "-"), one.get("mb_per_hour", "-"), one.get("threads_spread", "-"),
            one.get("descriptors_spread", "-"), "yes" if one["flat"] else "**no**",
        )
        for name, one in figures["growth"].items()
    ]  # fmt: skip
    reached = figures["reached_to_asked_while_moving"]["least"]
    last_s = figures["sizes"]["at_s"][-1]
    return (
        f"{figures['minutes']} minutes; least reached ÷ asked {reached}; growth from minute {last_s / 180:.0f} on:\n\n"
        + table(head, rows)
    )


def baseline_text(figures: dict[str, Any]) -> str:
    """Cameras held by each."""
    return table(
        ("", "cameras held", "times the usual way"),
        (
            ("usual way", figures["usual_way"], 1),
            ("usual way, every frame to the model", figures["usual_way_every_frame_to_the_model"], ""),
            ("camrec, motion in all", figures["camrec_all_moving"], figures["times_more_all_moving"]),
            (
                "camrec, a third with motion (`hundred`, no more were tried)",
                figures["camrec_a_third_moving"],
                figures["times_more_a_third_moving"],
            ),
        ),
    )


def fanout_text(figures: dict[str, Any]) -> str:
    """Costs by number of cameras, with their exponents."""
    counts = [row["cameras"] for row in figures["rows"]]
    rows = [
        (name, f"{figures['exponents'][name]:.2f}", *(f"{row['costs'][name]:.3g}" for row in figures["rows"]))
        for name in figures["rows"][0]["costs"]
    ]
    return table(("cost", "exponent", *(f"{count} cameras" for count in counts)), rows)


def capture_text(figures: dict[str, Any]) -> str:
    """CPU by mode and number of cameras."""
    by_mode = figures["cpu_ms_per_stream_second"]
    counts = list(next(iter(by_mode.values())))
    rows = [(mode, *of_mode.values(), figures["decoded_fps"][mode]) for mode, of_mode in by_mode.items()]
    return table(("CPU ms", *(f"{count} cameras" for count in counts), "frames/s decoded"), rows)


def latency_text(figures: dict[str, Any]) -> str:
    """Quantiles by load."""
    rows = [
        (load, run["sent_per_s"], run["served_per_s"], *(f"{run['age_s'][q] * 1e3:.0f}" for q in ("p50", "p95", "p99")))
        for load, run in figures["runs"].items()
    ]
    return table(("load", "frames/s sent", "served", "p50 ms", "p95 ms", "p99 ms"), rows)


def pipeline_text(figures: dict[str, Any]) -> str:
    """Ratios by model and batch."""
    sizes = list(next(iter(figures["models"].values())))
    rows = [
        (name, *(f"{row['ratio']:.2f} ({row['pictures_per_s']:.0f}/s)" for row in of_model.values()))
        for name, of_model in figures["models"].items()
    ]
    return table(("model", *(f"batch {size}" for size in sizes)), rows)


SECTIONS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "hundred": ("hundred", hundred_text),
    "all_moving": ("hundred_all_moving", hundred_text),
    "soak": ("soak", soak_text),
    "baseline": ("baseline", baseline_text),
    "fanout": ("fanout", fanout_text),
    "capture": ("capture_modes", capture_text),
    "pipeline": ("pipeline_models", pipeline_text),
    "latency": ("latency", latency_text),
}
"""Place on the page → benchmark, and how its figures are shown."""
PLOTS: dict[str, tuple[str, Callable[[dict[str, Any], Path], None]]] = {
    "soak": ("memory, Redis, threads and descriptors", plot_soak),
    "latency": ("age of observations", plot_latency),
    "fanout": ("cost by number of cameras", plot_fanout),
    "capture": ("CPU by mode and number of cameras", plot_capture),
}
"""Place on the page, and name of the picture → its title, and what draws it."""


def section(place: str, report: dict[str, Any] | None) -> str:
    """What the page shows there; its plot is drawn."""
    if report is None:
        return "not measured yet"
    text = SECTIONS[place][1](report["figures"])
    if place not in PLOTS:
        return text
    title, plot = PLOTS[place]
    plot(report["figures"], IMAGES / f"{place}.png")
    return f"![{title}](images/{place}.png)\n\n{text}"


def main() -> None:
    """Write the page and its plots; of what has not run the page says so."""
    rows = [line.text(report) for line in LINES if (report := report_of(line.benchmark)) is not None]
    IMAGES.mkdir(exist_ok=True)
    reports = {place: report_of(name) for place, (name, _) in SECTIONS.items()}
    texts = {place: section(place, report) for place, report in reports.items()}
    missing = [f"- `{SECTIONS[place][0]}`: has not run.\n" for place, report in reports.items() if report is None]
    machine = next(", ".join(f"{k} {v}" for k, v in r["machine"].items()) for r in reports.values() if r is not None)
    page = HEAD + "\n".join(rows) + "\n" + TAIL.format(machine=machine, missing="".join(missing), **texts)
    PAGE.write_text(page, "utf-8")
    print(f"written to {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
