"""Rank-1 among crops of known persons, how far pairs of one and of two persons lie apart, and what it costs.

.venv/bin/python -m benchmarks.accuracy.reid
"""

from __future__ import annotations

import os
import sys
import time

import cv2
import numpy as np

from app.cli.media_files import VideoFile
from benchmarks.accuracy.plates import wilson
from benchmarks.report import SHARED_DATA, write_report
from core.recognitions import RECOGNITIONS
from core.types import Event, FrameRef, Observation
from events import new_judge
from inference.catalogue import ModelStore
from inference.recognisers.reid import ReidRecogniser, build_reid_recogniser
from reid.calibration import calibrate, pairs
from reid.gallery import MemoryGallery
from reid.live_index import LiveIndex
from reid.matching import Matcher

PEOPLE = SHARED_DATA / "people"
WALKERS = SHARED_DATA / "videos" / "one-by-one-person-detection.mp4"


def walkers(recogniser: ReidRecogniser) -> dict[str, int]:
    """Passages and identities in a video in which six people walk through, one after another."""
    gallery = MemoryGallery()
    judge = new_judge("reid", 1, {}, matcher=Matcher(gallery, LiveIndex(gallery)))
    events: dict[str, Event] = {}
    with VideoFile(WALKERS, RECOGNITIONS["reid"].default_fps) as video:
        for frame in video.frames():
            height, width = frame.picture.shape[:2]
            ref = FrameRef(1, 1 + round(frame.at_s * 1e6), frame.at_s, width, height)
            (persons,) = recogniser.recognise([frame.picture])
            events |= {e.id: e for e in judge.observe(Observation(ref, "reid", persons, recogniser.model))}
    events |= {e.id: e for e in judge.finish()}
    return {"passages": len(events), "identities": len({e.details["identity"] for e in events.values()})}


def main() -> None:
    files = sorted(PEOPLE.glob("*.jpg"))
    if not files:
        sys.exit(f"No pictures in {PEOPLE}.")
    recogniser = build_reid_recogniser(ModelStore(SHARED_DATA / "models"), None, len(os.sched_getaffinity(0)))
    pictures = []
    for path in files:
        picture = cv2.imread(str(path))
        assert picture is not None, path
        pictures.append(picture.astype(np.uint8, copy=False))
    persons = [path.stem.split("_")[0] for path in files]
    started = time.perf_counter()
    embeddings = [recogniser.persons_in(picture)[0].embedding for picture in pictures]
    spent_s = time.perf_counter() - started
    vectors = np.stack([embedding.vector for embedding in embeddings if embedding is not None])
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -1)
    nearest = similarities.argmax(axis=1)
    missed = [(i, int(n)) for i, n in enumerate(nearest) if persons[i] != persons[n]]
    right = len(files) - len(missed)
    low, high = wilson(right, len(files))
    same, different = pairs(vectors, persons)
    found = calibrate(same, different)
    write_report(
        "accuracy_reid",
        {
            "models": recogniser.model,
            "pictures": len(files),
            "persons": len(set(persons)),
            "rank_1": round(right / len(files), 3),
            "interval_95": [round(low, 3), round(high, 3)],
            "missed": [
                [files[i].name, files[int(n)].name] for i, n in enumerate(nearest) if persons[i] != persons[int(n)]
            ],
            "same_mean": round(float(same.mean()), 3),
            "same_least": round(float(same.min()), 3),
            "different_mean": round(float(different.mean()), 3),
            "different_most": round(float(different.max()), 3),
            "calibrated": {"similarity": found.thresholds.similarity, "margin": found.thresholds.margin},
            "crops_per_s": round(len(files) / spent_s, 1),
            "walkers": walkers(recogniser),
        },
    )


if __name__ == "__main__":
    main()
