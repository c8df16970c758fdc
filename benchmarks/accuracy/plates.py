"""Share of plates read exactly, with and without the plate detector, on the pictures in ../shared/data.

.venv/bin/python -m benchmarks.accuracy.plates
"""

from __future__ import annotations

import math
import os
import re
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.report import SHARED_DATA, write_report
from inference.catalogue import ModelStore
from inference.recognisers import Recogniser, build_recogniser

PLATES = SHARED_DATA / "plates"
Z_95 = 1.959964


def plain(text: str) -> str:
    """Letters and digits; O counts as 0, since the labels write both for either."""
    return re.sub("[^A-Z0-9]", "", text.upper()).replace("O", "0")


def truth(folder: Path) -> dict[str, set[str]]:
    """Picture → its plates."""
    plates: dict[str, set[str]] = {}
    for note in sorted(folder.glob("*.txt")):
        for line in note.read_text().splitlines():
            cells = line.split("\t")
            if len(cells) >= 6 and (folder / cells[0]).exists():
                plates.setdefault(cells[0], set()).add(plain(cells[5]))
    return plates


def wilson(right: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927)."""
    share, z2 = right / count, Z_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return centre - half, centre + half


def measure(recogniser: Recogniser, folder: Path) -> dict[str, Any]:
    """Exact first answers, and what else was read."""
    plates = truth(folder)
    first = some = others = 0
    missed = []
    for name, texts in plates.items():
        picture = cv2.imread(str(folder / name))
        assert picture is not None, name
        read = [plain(d.text or "") for d in recogniser.recognise([picture.astype(np.uint8, copy=False)])[0]]
        first += bool(read) and read[0] in texts
        some += bool(texts & set(read))
        others += sum(text not in texts for text in read)
        if not read or read[0] not in texts:
            missed.append({"picture": name, "plates": sorted(texts), "read": read})
    low, high = wilson(first, len(plates))
    return {
        "models": recogniser.model,
        "pictures": len(plates),
        "first_exact": round(first / len(plates), 3),
        "interval_95": [round(low, 3), round(high, 3)],
        "any_exact": round(some / len(plates), 3),
        "other_texts_per_picture": round(others / len(plates), 2),
        "missed": missed,
    }


def main() -> None:
    folders = [f for f in sorted(PLATES.iterdir()) if f.is_dir()] if PLATES.is_dir() else []
    if not folders:
        sys.exit(f"No pictures in {PLATES}.")
    threads = len(os.sched_getaffinity(0))
    stores = {"with_detector": SHARED_DATA / "models", "without_detector": Path(os.devnull)}
    recognisers = {way: build_recogniser("plates", ModelStore(path), None, threads) for way, path in stores.items()}
    write_report(
        "accuracy_plates",
        {folder.name: {way: measure(r, folder) for way, r in recognisers.items()} for folder in folders},
    )


if __name__ == "__main__":
    main()
