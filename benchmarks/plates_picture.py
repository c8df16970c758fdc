"""What reading a picture's plates costs beyond the bare models: decode, straighten, second looks and all.

.venv/bin/python -m benchmarks.plates_picture
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial

from benchmarks.plate_models import BareModels, pictures, store_with_detector
from benchmarks.report import write_report
from inference.recognisers import build_recogniser

ROUNDS = 5
TARGET = 1.3


def time_ms(call: Callable[[], object]) -> float:
    """One call."""
    started_s = time.perf_counter()
    call()
    return (time.perf_counter() - started_s) * 1e3


def main() -> None:
    store, threads = store_with_detector(), len(os.sched_getaffinity(0))
    recogniser, bare = build_recogniser("plates", store, None, threads), BareModels(store, threads)
    recogniser.warm_up()
    whole_ms, bare_ms = [], []
    for picture in pictures().values():
        work = bare.work_on(picture)
        # They take turns, so that whatever else the machine does slows both alike.
        whole = partial(recogniser.recognise, [picture])
        turns = [(time_ms(whole), time_ms(work)) for _ in range(ROUNDS)]
        whole_ms.append(statistics.median(ours for ours, _ in turns))
        bare_ms.append(statistics.median(run for _, run in turns))
    write_report(
        "plates_picture",
        {
            "pictures": len(whole_ms),
            "threads": threads,
            "mean_ms": round(statistics.mean(whole_ms), 2),
            "bare_models_mean_ms": round(statistics.mean(bare_ms), 2),
            "ratio_of_means": round(sum(whole_ms) / sum(bare_ms), 3),
            "median_ratio": round(statistics.median(w / b for w, b in zip(whole_ms, bare_ms, strict=True)), 3),
            "target": f"ratio_of_means <= {TARGET}",
        },
    )


if __name__ == "__main__":
    main()
