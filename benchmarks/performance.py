"""Writes docs/performance.md and its plots from benchmarks/results/: every figure with its budget, commit and machine.

.venv/bin/python -m benchmarks.performance
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import recognisers
from benchmarks.lines import LINES, Line
from benchmarks.performance_text import HEAD, TAIL
from benchmarks.plots import plot_baseline, plot_capture, plot_fanout, plot_latency, plot_reached, plot_soak
from benchmarks.report import RESULTS, ROOT
from benchmarks.sizes import FLAT_MB_PER_HOUR, FLAT_SHARE_PER_HOUR

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"


def report_of(name: str) -> dict[str, Any] | None:
    """What a benchmark has written; None: it has not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


T = TypeVar("T")
HEADINGS = ("what", "reached", "budget", "holds", "benchmark", "commit", "when")
Table = Iterable[Sequence[object]]


def table(head: Sequence[str], rows: Table) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def hundred_text(figures: dict[str, Any]) -> str:
    """The figures of the hundred cameras."""
    frames = {name: value for name, value in figures["frames"].items() if not name.startswith("unaccounted")}
    cores = {name.partition(",")[0].partition(".")[0]: value for name, value in figures["cores_used"].items()}
    rows: dict[str, Any] = {
        "cameras; minutes": f"{figures['cameras']}; {figures['minutes']}",
        "reached ÷ asked while the gate is open": _listed(figures["reached_to_asked_while_moving"]),
        "cameras below 0.9": f"{figures['cameras_below_0.9']} of {figures['cameras_that_moved']}",
        "share of the time that the gate is open": figures["moving_share"],
        "frame → observation, s": _listed({k: v for k, v in figures["frame_age_s"].items() if k != "count"}),
        "cores used": _listed({**cores, "the cameras' server": figures["cores_used_by_the_cameras"]}),
        "frames": _listed(frames),
        "frames unaccounted for": _listed(figures["frames"]["unaccounted"]),
        "recordings": _listed(figures["recording"]),
    }
    return table(("", ""), rows.items())


def _listed(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


def soak_text(figures: dict[str, Any]) -> str:
    """Growth in the last two thirds of the run, by process."""
    head = ("process", "MB of its own", "MB an hour", "threads ±", "descriptors ±", "flat", "gallery, MB an hour")
    rows = [
        (
            name, one.get("mb", "-"), one.get("mb_per_hour", "-"), one.get("threads_spread", "-"),
            one.get("descriptors_spread", "-"), "yes" if one["flat"] else "**no**", one.get("gallery_mb_per_hour", "-"),
        )
        for name, one in figures["growth"].items()
    ]  # fmt: skip
    reached = figures["reached_to_asked_while_moving"]["least"]
    last_s = figures["sizes"]["at_s"][-1]
    flat = (
        f"Flat: no more than {FLAT_MB_PER_HOUR:g} MB or {FLAT_SHARE_PER_HOUR:.0%} an hour, the larger of both, besides "
        "what the gallery may take (last column)"
    )
    since = f"{figures['minutes']} minutes; least reached ÷ asked {reached}; growth from minute {last_s / 180:.0f} on."
    return f"{since} {flat}:\n\n{table(head, rows)}"


def baseline_text(figures: dict[str, Any]) -> str:
    """Cameras held by each."""
    commit = figures["camrec_a_third_moving_commit"]
    every, usual = figures["usual_way_every_frame_to_the_model"], figures["usual_way"]
    a_third = figures["camrec_a_third_moving"]
    held = {
        "usual way, every frame to the model": every,
        "usual way, one frame a second to the model": usual,
        "camrec, motion in all": figures["camrec_all_moving"],
        f"camrec, a third with motion, asked while it moves (`hundred` of {commit}; no more tried)": a_third,
    }
    rows = [(way, n, *(f"{n / max(1, other):.2g}" for other in (every, usual))) for way, n in held.items()]
    return table(("", "cameras held", "times every frame", "times one frame a second"), rows)


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
    """Quantiles of the age by load, and what the cameras get of it."""
    rows = [
        (
            load, run["sent_per_s"], run["served_per_s"],
            f"{run['served_per_camera']['least']:.2f} - {run['served_per_camera']['most']:.2f}",
            *(f"{run['age_s'][q] * 1e3:.0f}" for q in ("p50", "p95", "p99", "most")),
        )
        for load, run in figures["runs"].items()
    ]  # fmt: skip
    head = ("load", "frames/s sent", "served", "served of a camera", "p50 ms", "p95 ms", "p99 ms", "oldest ms")
    return table(head, rows)


def pipeline_text(figures: dict[str, Any]) -> str:
    """Rates and costs by models and batch."""
    head = (
        "models", "batch", "frames/s", "bare loop", "ratio", "ratio of CPU",
        "CPU-ms a frame: models", "scaling, decoding", "rest of the worker", "Redis", "feeder",
    )  # fmt: skip
    rows = [
        (
            name, size, f"{row['frames_per_s']:.0f}", f"{row['bare_frames_per_s']:.0f}", f"{row['ratio']:.2f}",
            f"{row['cpu_ratio']:.2f}", *(f"{ms:.2f}" for ms in _cpu_ms(row["cpu_ms_per_frame"])),
        )
        for name, of_models in figures["subjects"].items()
        for size, row in of_models.items()
    ]  # fmt: skip
    return table(head, rows)


def _cpu_ms(of: dict[str, float]) -> tuple[float, ...]:
    return of["bare"], of["recogniser"] - of["bare"], of["worker"] - of["recogniser"], of["redis"], of["feeder"]


def recognisers_text(figures: dict[str, Any]) -> str:
    """Rates by recognition and batch."""
    return recognisers.table({kind: of_kind for kind, of_kind in figures.items() if kind != "unit"})


SECTIONS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "hundred": ("hundred", hundred_text),
    "all_moving": ("hundred_all_moving", hundred_text),
    "soak": ("soak", soak_text),
    "baseline": ("baseline", baseline_text),
    "fanout": ("fanout", fanout_text),
    "capture": ("capture_modes", capture_text),
    "pipeline": ("pipeline", pipeline_text),
    "recognisers": ("recognisers", recognisers_text),
    "latency": ("latency", latency_text),
}
"""Place on the page → benchmark, and how its figures are shown."""
PLOTS: dict[str, tuple[str, Callable[[dict[str, Any], Path], None]]] = {
    "hundred": ("reached by asked, each camera", plot_reached),
    "all_moving": ("reached by asked, each camera", plot_reached),
    "baseline": ("cameras held", plot_baseline),
    "soak": ("memory, Redis, threads and descriptors", plot_soak),
    "latency": ("age of observations", plot_latency),
    "fanout": ("cost by number of cameras", plot_fanout),
    "capture": ("CPU by mode and number of cameras", plot_capture),
}
"""Place on the page, and name of the picture → its title, and what draws it."""


def section(place: str, report: dict[str, Any]) -> str:
    """What the page shows there; its plot is drawn."""
    source = f"`{report['benchmark']}`, commit {report['commit']}, {report['measured_at'][:16]}"
    text = f"({source})\n\n{SECTIONS[place][1](report['figures'])}"
    if place not in PLOTS:
        return text
    title, plot = PLOTS[place]
    plot(report["figures"], IMAGES / f"{place}.png")
    return f"![{title}](images/{place}.png)\n\n{text}"


def shown(name: str, show: Callable[[dict[str, Any]], T]) -> T | None:
    """What there is to show of a benchmark; None: it has not run, or an older one wrote what is there."""
    report = report_of(name)
    try:
        return None if report is None else show(report)
    except KeyError as error:
        print(f"{name}: no {error} in its results, which an older benchmark wrote")
        return None


def rows_and_machines(rows: Sequence[tuple[tuple[str, ...], str]]) -> tuple[Sequence[Sequence[str]], str]:
    """The rows of the table and their machines; where it was not one machine, each row names its own."""
    machines = list(dict.fromkeys(machine for _, machine in rows))
    if len(machines) == 1:
        return [HEADINGS, *(row for row, _ in rows)], machines[0]
    named = [(*row, str(1 + machines.index(machine))) for row, machine in rows]
    described = "\n".join(f"{number}. {machine}" for number, machine in enumerate(machines, start=1))
    return [(*HEADINGS, "machine"), *named], described


def row_of(line: Line, report: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    """Its cells, and where it was measured."""
    return line.cells(report), ", ".join(f"{name} {value}" for name, value in report["machine"].items())


def main() -> None:
    """Write the page and its plots; of what has not run the page says so."""
    IMAGES.mkdir(exist_ok=True)
    rows = [shown(line.benchmark, partial(row_of, line)) for line in LINES]
    (head, *table_rows), machines = rows_and_machines([row for row in rows if row is not None])
    texts = {place: shown(name, partial(section, place)) for place, (name, _) in SECTIONS.items()}
    unmeasured = [line.benchmark for line, row in zip(LINES, rows, strict=True) if row is None]
    unmeasured += [SECTIONS[place][0] for place, text in texts.items() if text is None]
    missing = "".join(f"- `{name}`: has not run since it was changed.\n" for name in dict.fromkeys(unmeasured))
    sections = {place: text or "not measured yet" for place, text in texts.items()}
    page = HEAD + table(head, table_rows) + "\n" + TAIL.format(machines=machines, missing=missing, **sections)
    PAGE.write_text(page, "utf-8")
    print(f"written to {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
