"""Accuracy of `violence` on clips of scenes that the scoring model never saw: out-of-fold scores kept by the training.

.venv/bin/python -m benchmarks.accuracy.violence

The shipped model was trained on all of these clips, so it is never used here. `make train-violence` makes the scores
anew; they hold only while the clips are those that it had (compared by SHA-256).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.accuracy.plates import wilson
from benchmarks.report import SHARED_DATA, write_report
from inference.catalogue import sha256_of

METRICS = Path(__file__).parents[2] / "training" / "violence" / "metrics.json"
THRESHOLD = 0.5


def main() -> None:
    paths = {p.stem: p for p in (SHARED_DATA / "fights").glob("*/*.mp4")}
    if not paths:
        sys.exit(f"No clips in {SHARED_DATA / 'fights'}.")
    figures = json.loads(METRICS.read_text("utf-8"))
    known = figures["out_of_fold"]
    strange = [stem for stem, path in paths.items() if stem not in known or known[stem]["sha256"] != sha256_of(path)]
    if strange:
        sys.exit(f"{len(strange)} clips are not those of the training, {strange[0]} among them: `make train-violence`.")
    fights = {stem for stem, path in paths.items() if path.parent.name == "fight"}
    right: dict[str, list[bool]] = {kind: [] for kind in ("fight", "calm")}
    for stem in paths:
        score = float(np.mean(known[stem]["scores"]))
        right["fight" if stem in fights else "calm"].append((score >= THRESHOLD) == (stem in fights))
    shares = {kind: sum(answers) / len(answers) for kind, answers in right.items()}
    write_report(
        "accuracy_violence",
        {
            "clips": len(paths),
            "recall": round(shares["fight"], 3),
            "recall_interval_95": [round(v, 3) for v in wilson(sum(right["fight"]), len(right["fight"]))],
            "specificity": round(shares["calm"], 3),
            "specificity_interval_95": [round(v, 3) for v in wilson(sum(right["calm"]), len(right["calm"]))],
            "balanced_accuracy": round(sum(shares.values()) / 2, 3),
            **{name: figures[name] for name in ("folds", "auc", "roc", "worst")},
            "single_groupings": figures["balanced_accuracy"],
        },
    )


if __name__ == "__main__":
    main()
