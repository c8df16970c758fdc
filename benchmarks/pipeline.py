"""Frames a second of the batcher and the plate recogniser, against a bare loop of the same ``session.run`` calls.

The bare loop replays the very inputs that the recogniser gives to its models, in batches of the same size and in as
many threads, so what it lacks is all that is ours: queues, futures, scaling, decoding, straightening, judging.

.venv/bin/python -m benchmarks.pipeline
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.plate_models import pictures, store_with_detector
from benchmarks.report import write_report
from core.settings import load_settings
from core.types import Picture
from inference.batcher import Batcher
from inference.catalogue import ModelStore, entry_of
from inference.recognisers.plate_finder import PlateFinder
from inference.recognisers.plates import PLATE_DETECTOR, TEXT_DETECTOR, TEXT_RECOGNISER
from inference.recognisers.plates_by_corners import PlatesByCorners
from inference.session import ModelSession, open_session
from inference.text.finder import TextFinder
from inference.text.model import TextModel
from inference.text.reader import TextReader

ROUNDS = 5
TARGET = 0.85

Call = tuple[ModelSession, np.ndarray]


class RecordedSession:
    """A session that notes what it is given."""

    def __init__(self, session: ModelSession, calls: list[Call]) -> None:
        self._session = session
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        self._calls.append((self._session, batch))
        return self._session.run(batch)


def sessions(store: ModelStore) -> list[ModelSession]:
    names = (PLATE_DETECTOR, TEXT_RECOGNISER, TEXT_DETECTOR)
    return [open_session(store.path_of(name), gpu=None, threads=1) for name in names]


def recogniser_of(detector: Any, reader: Any, lines: Any) -> PlatesByCorners:
    text = TextModel(reader, entry_of(TEXT_RECOGNISER))
    return PlatesByCorners(PlateFinder(detector), TextReader(text), TextFinder(lines))


def recorded(models: list[ModelSession], frames: list[Picture], size: int) -> list[list[Call]]:
    """What the models are given for each batch."""
    work = []
    for start in range(0, len(frames), size):
        calls: list[Call] = []
        recogniser_of(*(RecordedSession(model, calls) for model in models)).recognise(frames[start : start + size])
        work.append(calls)
    return work


def bare_s(work: list[list[Call]], instances: int) -> float:
    """Seconds in which the models alone do it all."""

    def run(calls: list[Call]) -> None:
        for session, batch in calls:
            session.run(batch)

    with ThreadPoolExecutor(instances) as pool:
        return seconds(lambda: list(pool.map(run, work)))


def batched_s(
    predict: Callable[[list[Picture]], Sequence[Any]], frames: list[Picture], size: int, instances: int
) -> float:
    """Seconds in which the batcher and a recogniser do it all, the queue never being empty."""
    batcher: Batcher[int, Picture, Any] = Batcher(
        take=frames.__getitem__,
        predict=lambda batch: list(predict(batch)),
        age_s=lambda _: 0.0,
        max_batch=size,
        max_queue=len(frames),
        deadline_s=60.0,
        instances=instances,
    )
    try:
        return seconds(lambda: [f.result() for f in [batcher.submit(key) for key in range(len(frames))]])
    finally:
        batcher.close()


def seconds(call: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    call()
    return time.perf_counter() - started_s


def main() -> None:
    store, frames = store_with_detector(), list(pictures().values())
    size, instances = load_settings({}).max_batch, len(os.sched_getaffinity(0))
    models = sessions(store)
    work, recogniser = recorded(models, frames, size), recogniser_of(*models)
    bare, whole = [], []
    for _ in range(ROUNDS):
        # They take turns, so that whatever else the machine does slows both alike.
        bare.append(bare_s(work, instances))
        whole.append(batched_s(recogniser.recognise, frames, size, instances))
    ratios = [b / w for b, w in zip(bare, whole, strict=True)]
    write_report(
        "pipeline",
        {
            "frames": len(frames),
            "max_batch": size,
            "instances": instances,
            "frames_per_s": round(len(frames) / statistics.median(whole), 1),
            "bare_frames_per_s": round(len(frames) / statistics.median(bare), 1),
            "ratio": round(statistics.median(ratios), 3),
            "target": f"ratio >= {TARGET}",
        },
    )


if __name__ == "__main__":
    main()
