"""The plots of docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt

LARGEST = 7
"""Processes that get a line of their own."""


@contextmanager
def _axes(target: Path, count: int, width: float = 3.8) -> Iterator[Any]:
    figure, axes = plt.subplots(1, count, figsize=(width * count, 3), layout="constrained")
    yield axes
    for axis in figure.axes:
        axis.grid(alpha=0.3)
    figure.savefig(target, dpi=90)
    plt.close(figure)


def plot_soak(figures: dict[str, Any], target: Path) -> None:
    """Memory by process, memory of Redis, threads and descriptors over the run: what must be flat."""
    sizes = figures["sizes"]
    minutes = [at_s / 60 for at_s in sizes["at_s"]]
    processes = dict(sorted(sizes["processes"].items(), key=lambda item: -(item[1]["own_mb"][-1] or 0)))
    with _axes(target, 4) as axes:
        for name in list(processes)[:LARGEST]:
            axes[0].plot(_last(minutes, processes[name]["own_mb"]), processes[name]["own_mb"], label=name, linewidth=1)
        axes[0].set(title="memory of its own, MB", xlabel="minutes")
        axes[0].legend(fontsize=6)
        axes[1].plot(minutes, sizes["redis_used_mb"], color="tab:red")
        axes[1].set(title="used_memory of Redis, MB", xlabel="minutes")
        for axis, figure in zip(axes[2:], ("threads", "descriptors"), strict=True):
            axis.plot(minutes, [_sum(processes, figure, row) for row in range(len(minutes))], color="tab:blue")
            axis.set(title=f"{figure} of all processes", xlabel="minutes")
        for axis in axes:
            axis.set_ylim(0, 1.15 * axis.get_ylim()[1])


def _last(minutes: list[float], column: list[Any]) -> list[float]:
    """Where a process ended before the run."""
    return minutes[: len(column)]


def _sum(processes: dict[str, Any], figure: str, row: int) -> float:
    return sum(c[figure][row] or 0 for c in processes.values() if row < len(c[figure]))


def plot_reached(figures: dict[str, Any], target: Path) -> None:
    """What each camera reached of what is asked, the worst first."""
    ratios = figures["reached_to_asked_of_each"]
    with _axes(target, 1, width=6) as axis:
        axis.bar(range(1, len(ratios) + 1), ratios, 1.0, color="tab:blue")
        axis.axhline(0.9, linestyle=":", color="grey", label="budget")
        axis.set(xlabel="cameras, the worst first", ylabel="reached ÷ asked while moving", ylim=(0, 1.1))
        axis.legend(loc="lower right")


def plot_baseline(figures: dict[str, Any], target: Path) -> None:
    """Cameras held by the usual way and by camrec."""
    bars = {
        "usual way,\nevery frame\nto the model": figures["usual_way_every_frame_to_the_model"],
        "usual way,\none frame\na second": figures["usual_way"],
        "camrec,\nmotion in all": figures["camrec_all_moving"],
        "camrec, a third\nwith motion": figures["camrec_a_third_moving"],
    }
    with _axes(target, 1, width=6) as axis:
        axis.bar_label(axis.bar(list(bars), list(bars.values()), 0.6, color=["grey", "grey", "tab:blue", "tab:blue"]))
        axis.set(ylabel="cameras held")
        axis.margins(y=0.1)


def plot_latency(figures: dict[str, Any], target: Path) -> None:
    """Quantiles of the age of observations by load."""
    runs = figures["runs"]
    with _axes(target, 1, width=6) as axis:
        for name, colour in (("p50", "tab:green"), ("p95", "tab:orange"), ("p99", "tab:red")):
            ages_ms = [run["age_s"][name] * 1e3 for run in runs.values()]
            axis.plot(list(runs), ages_ms, marker="o", label=name, color=colour)
        axis.axhline(figures["budgets"]["p99_at_70_s"] * 1e3, linestyle=":", color="grey", label="budget at 70 %")
        axis.set(xlabel="load, of capacity", ylabel="ms from frame to observation", ylim=(0, None))
        axis.legend()


def plot_fanout(figures: dict[str, Any], target: Path) -> None:
    """Costs by number of cameras, less what an empty installation costs, on logarithmic axes."""
    empty, *rows = figures["rows"]
    cameras = [row["cameras"] for row in rows]
    with _axes(target, 2, width=5.5) as axes:
        for name, floor in empty["costs"].items():
            axis = axes[1] if name.startswith("api") else axes[0]
            above = [max(row["costs"][name] - floor, 0.1) for row in rows]
            exponent = figures["exponents"][name]
            axis.loglog(cameras, above, marker="o", markersize=3, label=f"{name} (exponent {exponent:.2f})")
        for axis, title in zip(axes, ("a second of all cameras", "CPU ms for one call"), strict=True):
            axis.loglog(cameras, [0.1 * c for c in cameras], linestyle=":", color="grey", label="linear")
            axis.set(title=title, xlabel="cameras")
            axis.legend(fontsize=6)


def plot_capture(figures: dict[str, Any], target: Path) -> None:
    """Processor time for a second of a stream, by mode and number of cameras."""
    by_mode = figures["cpu_ms_per_stream_second"]
    counts = list(next(iter(by_mode.values())))
    with _axes(target, 1, width=6) as axis:
        for number, count in enumerate(counts):
            places = [place + number * 0.27 for place in range(len(by_mode))]
            bars = axis.bar(places, [by_mode[mode][count] for mode in by_mode], 0.25, label=f"{count} cameras")
            axis.bar_label(bars, fmt="%.1f", fontsize=7)
        axis.set_xticks([place + 0.27 for place in range(len(by_mode))], list(by_mode))
        axis.set(ylabel="CPU ms for a second of a stream")
        axis.legend()
