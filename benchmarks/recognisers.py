"""Frames, or clips, a second and core of falls, violence and ReID at batch 1, 4 and 16, beside their bare models.

The bare models replay the very inputs that the recogniser gave them, so what they lack is all that is ours: scaling,
decoding, cutting out, and optical flow. Counted is processor time of one thread: a busy machine hardly matters.

.venv/bin/python -m benchmarks.recognisers
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import numpy.typing as npt

from app.cli.media_files import VideoFile
from app.cli.video_clips import clips_of
from benchmarks.report import SHARED_DATA, write_report
from core.recognitions import RECOGNITIONS
from core.types import Clip, Picture
from inference.catalogue import ModelStore
from inference.recognisers import Recogniser, build_recogniser
from inference.session import ModelSession

BATCHES = (1, 4, 16)
ROUNDS = 3
ITEMS = 32

Call = tuple[ModelSession, npt.NDArray[Any]]


def pictures_of(kind: str, *videos: Path) -> list[Picture]:
    """Frames spread evenly over videos, sampled as a camera's would be."""
    taken: list[Picture] = []
    for path in videos:
        with VideoFile(path, RECOGNITIONS[kind].default_fps) as video:
            taken += [frame.picture for frame in video.frames()]
    return [taken[i] for i in np.linspace(0, len(taken) - 1, ITEMS).astype(int)]


def first_clips(kind: str, videos: Sequence[Path]) -> list[Clip]:
    """The first clip of each of as many videos as there are items, spread evenly."""
    recognition = RECOGNITIONS[kind]
    assert recognition.clip is not None
    clips = []
    for number in np.linspace(0, len(videos) - 1, ITEMS).astype(int):
        with VideoFile(videos[number], recognition.default_fps) as video:
            clips += [clip for _, clip in islice(clips_of(video.frames(), recognition.clip), 1)]
    return clips


def calls_of(work: Callable[[], object]) -> list[Call]:
    """Every run of a model that some work makes."""
    calls: list[Call] = []
    run = ModelSession.run

    def noted(session: ModelSession, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        calls.append((session, batch.copy()))
        return run(session, batch)

    with mock.patch.object(ModelSession, "run", noted):
        work()
    return calls


def recognise_all(recogniser: Recogniser, batches: list[list[Any]]) -> int:
    """How much was seen."""
    return sum(len(seen) for batch in batches for seen in recogniser.recognise(batch))


def run_all(calls: list[Call]) -> None:
    """What of it is the models' work."""
    for session, batch in calls:
        session.run(batch)


def processor_s(work: Callable[[], object]) -> float:
    """Seconds of processor time, of all threads."""
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


def measure(kind: str, items: Sequence[Any], store: ModelStore) -> dict[str, Any]:
    """Items a second and core by size of batch; the median of rounds in which all take turns."""
    recogniser = build_recogniser(kind, store, None, threads=1)
    recogniser.warm_up()
    work = {}
    for size in BATCHES:
        batches = [list(items[start : start + size]) for start in range(0, len(items), size)]
        ours = partial(recognise_all, recogniser, batches)
        work[size] = ours, partial(run_all, calls_of(ours))
    turns = [
        {size: (processor_s(ours), processor_s(bare)) for size, (ours, bare) in work.items()} for _ in range(ROUNDS)
    ]
    rates = {}
    for size in BATCHES:
        ours_s, bare_s = (statistics.median(turn[size][column] for turn in turns) for column in (0, 1))
        rates[f"batch_{size}"] = {
            "recogniser": round(len(items) / ours_s, 1),
            "bare_models": round(len(items) / bare_s, 1),
            "ratio": round(statistics.median(turn[size][1] / turn[size][0] for turn in turns), 2),
        }
    seen = recognise_all(recogniser, [list(items)])
    return {
        "models": recogniser.model,
        "items": len(items),
        "detections_per_item": round(seen / len(items), 1),
        **rates,
    }


def table(figures: dict[str, dict[str, Any]]) -> str:
    """Markdown, for the pages of the recognitions."""
    lines = ["| recognition | models | batch | recogniser | bare models | ratio |", "|---|---|---|---|---|---|"]
    for kind, measured in figures.items():
        unit = "clips/s" if RECOGNITIONS[kind].clip else "frames/s"
        for size in BATCHES:
            rates = measured[f"batch_{size}"]
            lines.append(
                f"| {kind} | {measured['models']} | {size} | {rates['recogniser']:.0f} {unit} | "
                f"{rates['bare_models']:.0f} | {rates['ratio']:.2f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure, write, print the table."""
    videos = SHARED_DATA / "videos" / "one-by-one-person-detection.mp4"
    falls, fights = sorted((SHARED_DATA / "falls").glob("*.mp4")), sorted((SHARED_DATA / "fights").glob("*/*.mp4"))
    store = ModelStore(SHARED_DATA / "models")
    if not (falls and fights and videos.is_file() and store.models_dir.is_dir()):
        sys.exit(f"This benchmark needs falls, fights, videos and models in {SHARED_DATA}.")
    cv2.setNumThreads(1)
    items: dict[str, Sequence[Any]] = {
        "falls": pictures_of("falls", *falls),
        "violence": first_clips("violence", fights),
        "reid": pictures_of("reid", videos),
    }
    figures = {kind: measure(kind, of_kind, store) for kind, of_kind in items.items()}
    write_report("recognisers", {"unit": "frames or clips a second of processor time", **figures})
    print(table(figures))


if __name__ == "__main__":
    main()
