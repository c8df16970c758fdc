"""Frames a second and core that the plates recogniser does at batch 1, 4 and 16, beside its bare models.

.venv/bin/python -m benchmarks.plates_batches
"""

from __future__ import annotations

import statistics
from functools import partial
from itertools import islice

from benchmarks.plate_models import BareModels, pictures, store_with_detector
from benchmarks.plates_picture import time_ms
from benchmarks.report import write_report
from inference.recognisers import build_recogniser

BATCHES = (1, 4, 16)
ROUNDS = 3
PICTURES = 16


def main() -> None:
    # One thread, so that the figures are those of one core.
    store = store_with_detector()
    recogniser, bare = build_recogniser("plates", store, None, threads=1), BareModels(store, threads=1)
    recogniser.warm_up()
    taken = list(islice(pictures().values(), PICTURES))
    works = [bare.work_on(picture) for picture in taken]
    bare_ms: list[float] = []
    whole_ms: dict[int, list[float]] = {size: [] for size in BATCHES}
    for _ in range(ROUNDS):
        # They take turns, so that whatever else the machine does slows all alike.
        bare_ms.append(sum(map(time_ms, works)))
        for size, turns in whole_ms.items():
            batches = [taken[start : start + size] for start in range(0, PICTURES, size)]
            turns.append(sum(time_ms(partial(recogniser.recognise, batch)) for batch in batches))
    write_report(
        "plates_batches",
        {
            "pictures": PICTURES,
            "threads": 1,
            "bare_models_fps": fps(bare_ms),
            **{f"recogniser_fps_batch_{size}": fps(turns) for size, turns in whole_ms.items()},
        },
    )


def fps(rounds_ms: list[float]) -> float:
    """Of the median round over all pictures."""
    return round(PICTURES / statistics.median(rounds_ms) * 1e3, 1)


if __name__ == "__main__":
    main()
