"""Pictures a second through the batcher and one model, by size of batch, against the bare loop of ``session.run``.

.venv/bin/python -m benchmarks.pipeline_models [--rounds 3] [--batches 1 2 4 8 16 32]

The bare loop replays the very inputs that the detector or embedder gives to its session, in batches of the same size
and in as many threads as there are cores; what it lacks is all that is ours: queue, futures, scaling, decoding.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.installation import SIZE, walkers
from benchmarks.pipeline import bare_s, batched_s
from benchmarks.plate_models import pictures, store_with_detector
from benchmarks.recognisers import calls_of
from benchmarks.report import write_report
from core.types import Picture
from inference.catalogue import ModelStore, entry_of
from inference.detector import build_detector
from inference.embedder import build_embedder
from inference.recognisers.plate_finder import PlateFinder
from inference.recognisers.plates import PLATE_DETECTOR
from inference.session import open_session

BATCHES = (1, 2, 4, 8, 16, 32)
ITEMS = 256
BUDGET = 0.85

Predict = Callable[[list[Picture]], Sequence[Any]]


def models(store: ModelStore) -> dict[str, tuple[Predict, list[Picture]]]:
    """Name → what predicts, and what it is given."""
    people, cars = walkers(ITEMS), list(pictures().values())
    cars = (cars * (1 + ITEMS // len(cars)))[:ITEMS]
    crops = [picture[100:260, 200:264].copy() for picture in people]
    found: dict[str, tuple[Predict, list[Picture]]] = {}
    for name in ("yolox_nano_416", "nanodet_m_320"):
        detector = build_detector(store, entry_of(name), gpu=None, threads=1)
        found[name] = detector.detect, people
    session = open_session(store.path_of(PLATE_DETECTOR), gpu=None, threads=1)
    found[PLATE_DETECTOR] = PlateFinder(session).find, cars
    embedder = build_embedder(store, "reid", gpu=None, threads=1)
    found[embedder.model] = lambda batch: list(embedder.embed(batch)), crops
    return found


def measure(predict: Predict, items: list[Picture], size: int, rounds: int) -> dict[str, float]:
    """The median of rounds in which both take turns."""
    instances = len(os.sched_getaffinity(0))
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    work = [calls_of(partial(predict, batch)) for batch in batches]
    batched_s(predict, items, size, instances)  # warm
    bare, whole = [], []
    for _ in range(rounds):
        bare.append(bare_s(work, instances))
        whole.append(batched_s(predict, items, size, instances))
    return {
        "pictures_per_s": round(len(items) / statistics.median(whole), 1),
        "bare_pictures_per_s": round(len(items) / statistics.median(bare), 1),
        "ratio": round(statistics.median(b / w for b, w in zip(bare, whole, strict=True)), 3),
    }


def main() -> None:
    """Every model with every size of batch, and the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"size": f"{SIZE[0]}x{SIZE[1]}", "items": ITEMS, "budget": BUDGET, "models": {}}
    for name, (predict, items) in models(store_with_detector()).items():
        rows = {str(size): measure(predict, items, size, arguments.rounds) for size in arguments.batches}
        figures["models"][name] = rows
        print(name, {size: row["ratio"] for size, row in rows.items()}, flush=True)
    at_most = [row["ratio"] for rows in figures["models"].values() for row in rows.values()]
    write_report(
        "pipeline_models", {**figures, "least_ratio": min(at_most), "median_ratio": statistics.median(at_most)}
    )


if __name__ == "__main__":
    main()
