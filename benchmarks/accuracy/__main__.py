"""What all recognitions reach, in one table with 95 % intervals (Wilson, 1927).

.venv/bin/python -m benchmarks.accuracy [--table-only]

Runs the benchmarks of this folder one after another, some minutes in all, then reads what they have written to
`benchmarks/results/`. The table goes to `accuracy.json` and `accuracy.md` there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.accuracy import falls, plates, plates_abroad, reid, violence
from benchmarks.accuracy.plates import wilson
from benchmarks.report import RESULTS, SHARED_DATA, write_report

BENCHMARKS = {module.__name__.rpartition(".")[2]: module for module in (plates, plates_abroad, falls, violence, reid)}
COLUMNS = ("Recognition", "Measured", "Reached", "95 %", "Of", "At least")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    recognition: str
    measured: str
    reached: float
    interval_95: tuple[float, float] | None
    of: int
    at_least: float | None = None

    def texts(self) -> tuple[str, ...]:
        """As the table shows it."""
        interval = "" if self.interval_95 is None else f"{self.interval_95[0]:.3f} to {self.interval_95[1]:.3f}"
        least = "" if self.at_least is None else f"{self.at_least:g}"
        return self.recognition, self.measured, f"{self.reached:.3f}", interval, str(self.of), least


def _figures(name: str) -> Any:
    path = RESULTS / f"accuracy_{name}.json"
    if not path.is_file():
        sys.exit(f"{path.name} is not there: run without --table-only.")
    return json.loads(path.read_text("utf-8"))["figures"]


def _share(recognition: str, measured: str, right: int, of: int, at_least: float | None = None) -> Row:
    low, high = wilson(right, of)
    return Row(recognition, measured, right / of, (low, high), of, at_least)


def _plate_rows() -> Iterator[Row]:
    for country, ways in _figures("plates").items():
        for way, found in ways.items():
            of = found["pictures"]
            text = f"{country} pictures, first answer exact, {way.replace('_', ' ')}"
            yield _share("plates", text, round(found["first_exact"] * of), of, 0.88 if country == "eu" else None)
    for style, ways in _figures("plates_abroad").items():
        found = ways["with_detector"]
        of = found["plates"]
        yield _share("plates", f"drawn {style} plates, first answer exact", round(found["first_exact"] * of), of)


def _fall_rows() -> Iterator[Row]:
    found = _figures("falls")
    told = found["falls"]["as_it_is"]
    yield _share("falls", "clips with exactly one fall", told["right"], told["of"], 1.0)
    yield _share("falls", "calm clips without one", found["calm"]["right"], found["calm"]["of"], 0.98)
    yield _share("falls", "clips of fights without one", found["fights"]["right"], found["fights"]["of"])
    for video, looped in found["looped"].items():
        text = f"false falls in {looped['minutes']:g} minutes of {video.removesuffix('.mp4')}"
        yield Row("falls", text, looped["falls_told"], None, 1, 0.0)


def _violence_rows() -> Iterator[Row]:
    found = _figures("violence")
    half = found["clips"] // 2
    yield _share("violence", "fights found, models of the folds", round(found["recall"] * half), half)
    yield _share("violence", "calm clips left alone, models of the folds", round(found["specificity"] * half), half)
    low = (found["recall_interval_95"][0] + found["specificity_interval_95"][0]) / 2
    high = (found["recall_interval_95"][1] + found["specificity_interval_95"][1]) / 2
    mean = found["single_groupings"]["mean"]
    yield Row("violence", "balanced accuracy, mean of the groupings", mean, (low, high), 2 * half, 0.8)
    yield Row(
        "violence", "balanced accuracy, scores averaged over them", found["balanced_accuracy"], (low, high), 2 * half
    )


def _reid_rows() -> Iterator[Row]:
    found = _figures("reid")
    of = found["pictures"]
    yield _share("reid", "rank 1", round(found["rank_1"] * of), of, 0.97)
    yield Row("reid", "identities of the 6 walkers", found["walkers"]["identities"], None, 1, 6.0)


def main() -> None:
    """Measure, then show the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table-only", action="store_true", help="of what was measured before")
    if not parser.parse_args().table_only:
        if not SHARED_DATA.is_dir():
            sys.exit(f"No footage: expected it in {SHARED_DATA}.")
        for name, module in BENCHMARKS.items():
            print(f"== {name}", flush=True)
            module.main()
    rows = [*_plate_rows(), *_fall_rows(), *_violence_rows(), *_reid_rows()]
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*row.texts())
    lines = [" | ".join(texts) for texts in (COLUMNS, ["---"] * len(COLUMNS), *(row.texts() for row in rows))]
    write_report("accuracy", {"rows": [asdict(row) for row in rows]})
    (RESULTS / "accuracy.md").write_text("".join(f"| {line} |\n" for line in lines), "utf-8")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
