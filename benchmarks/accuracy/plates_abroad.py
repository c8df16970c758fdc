"""Share of drawn plates of other countries read exactly, with and without the plate detector.

.venv/bin/python -m benchmarks.accuracy.plates_abroad
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.accuracy.drawn_plates import STYLES, put_on
from benchmarks.accuracy.plates import PLATES, plain, wilson
from benchmarks.report import SHARED_DATA, write_report
from inference.catalogue import ModelStore
from inference.recognisers.plates import PlateRecogniser, build_plate_recogniser

COUNT = 40
EU = PLATES / "eu"
STEP = 7
"""Between the cars of two plates: neighbours in the folder are alike."""


def measure(recogniser: PlateRecogniser, style: str, notes: list[Path]) -> dict[str, Any]:
    """Exact first answers."""
    right = 0
    for number in range(COUNT):
        chance = random.Random(f"{style}{number}")  # noqa: S311 - a drawing, no secret
        name, *box = notes[number * STEP % len(notes)].read_text().splitlines()[0].split("\t")[:5]
        car = cv2.imread(str(EU / name))
        assert car is not None, name
        plate = STYLES[style](chance)
        scene = put_on(car.astype(np.uint8, copy=False), plate, tuple(map(float, box)), chance)
        read = recogniser.recognise_still(scene)
        right += bool(read) and plain(read[0].text or "") == plain(plate.text)
    low, high = wilson(right, COUNT)
    return {"plates": COUNT, "first_exact": round(right / COUNT, 3), "interval_95": [round(low, 3), round(high, 3)]}


def main() -> None:
    notes = sorted(EU.glob("*.txt"))
    if not notes:
        sys.exit(f"No pictures in {EU}.")
    threads = len(os.sched_getaffinity(0))
    stores = {"with_detector": SHARED_DATA / "models", "without_detector": Path(os.devnull)}
    ways = {way: build_plate_recogniser(ModelStore(path), None, threads) for way, path in stores.items()}
    write_report(
        "accuracy_plates_abroad",
        {style: {way: measure(recogniser, style, notes) for way, recogniser in ways.items()} for style in STYLES},
    )


if __name__ == "__main__":
    main()
