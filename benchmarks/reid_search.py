"""What exact search with filters costs beside the bare matrix product: median of both, in turn, on the same vectors.

.venv/bin/python -m benchmarks.reid_search [--vectors 100000] [--dimensions 256]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.report import write_report
from core.sightings import Where
from reid.index import Entry, ExactIndex

ROUNDS = 60
BUDGET = 2.0
MOST = 50


def spent_s(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=256)
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(args.vectors, args.dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = ExactIndex(args.dimensions)
    for n, vector in enumerate(vectors):
        index.add(Entry(f"s{n}", f"p{n // 20}", n % 50, float(n), float(n + 10), vector))
    query = vectors[7]
    ways: dict[str, Callable[[], object]] = {
        "bare product": lambda: vectors @ query,
        "search, no filter": lambda: index.search(query, MOST),
        "search, cameras and period": lambda: index.search(
            query, MOST, Where(cameras=range(25), from_s=args.vectors / 4, to_s=args.vectors * 3 / 4)
        ),
        "search, not these identities": lambda: index.search(
            query, MOST, Where(not_groups=("p1", "p2"), not_keys=("s7",))
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            times[name].append(spent_s(way))
    medians = {name: statistics.median(several) for name, several in times.items()}
    bare = medians["bare product"]
    write_report(
        "reid_search",
        {
            "vectors": args.vectors,
            "dimensions": args.dimensions,
            "milliseconds": {name: round(1000 * median, 2) for name, median in medians.items()},
            "ratio_to_bare": {name: round(median / bare, 2) for name, median in medians.items()},
            "budget": BUDGET,
        },
    )


if __name__ == "__main__":
    main()
