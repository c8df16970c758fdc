"""Train the motion model of the recognition `violence`, and measure it with folds of whole scenes.

`make train-violence` runs it; see README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from sklearn.metrics import roc_auc_score, roc_curve

from app.cli.media_files import VideoFile
from app.cli.video_clips import clips_of
from core.recognitions import RECOGNITIONS
from core.types import Clip
from inference.catalogue import ModelStore, sha256_of
from inference.recognisers.violence import KIND, build_person_gate
from inference.recognisers.violence_by_motion import describe_clip
from training.violence.folds import folds_of, is_fight, read_scenes
from training.violence.model import SHIPPED, Array, Model, Sizes, calibrate, fit, to_onnx

METRICS = Path(__file__).with_name("metrics.json")
SEEDS = range(5)
CALM = -10.0
"""Decision for a window without persons."""


@dataclass(frozen=True)
class Window:
    """One window of a clip, as it is or mirrored."""

    clip: str
    mirrored: bool
    rows: Array | None


def windows_of(path: Path, models: Path) -> list[Window]:
    """The windows that `camrec recognise` would score, and their mirror images."""
    gate = build_person_gate(ModelStore(models), gpu=None, threads=1)
    recognition = RECOGNITIONS[KIND]
    if recognition.clip is None:
        raise ValueError(f"{KIND} must look at clips")
    windows = []
    with VideoFile(path, recognition.default_fps) as video:
        for _, clip in clips_of(video.frames(), recognition.clip):
            mirror = Clip(tuple(np.ascontiguousarray(p[:, ::-1]) for p in clip.pictures), clip.interval_s)
            for mirrored, (one, height) in enumerate(zip([clip, mirror], gate.heights([clip, mirror]), strict=True)):
                rows = None if height is None else describe_clip(one, height).rows
                windows.append(Window(path.stem, bool(mirrored), rows))
    return windows


def all_windows(paths: list[Path], models: Path) -> list[Window]:
    """The windows of all clips, described on all cores."""
    with ProcessPoolExecutor() as pool:
        parts = list(pool.map(partial(windows_of, models=models), paths, chunksize=10))
    return [window for part in parts for window in part]


def train(windows: list[Window], seed: int, sizes: Sizes = SHIPPED) -> Model:
    """Fit on these windows; every clip weighs the same."""
    used = [w for w in windows if w.rows is not None and len(w.rows)]
    counts = {w.clip: sum(other.clip == w.clip for other in used) for w in used}
    weights = np.array([1 / counts[w.clip] for w in used])
    labels = np.array([is_fight(w.clip) for w in used], int)
    plain = np.array([not w.mirrored for w in used])
    return fit([w.rows for w in used], labels, weights / weights.mean(), plain, seed, sizes)


def decide(model: Model, windows: list[Window]) -> dict[str, float]:
    """Clip → the decision on its most violent window."""
    best: dict[str, float] = {}
    for window in windows:
        if not window.mirrored:
            decision = CALM if window.rows is None else float(model.decide([window.rows])[0])
            best[window.clip] = max(best.get(window.clip, CALM), decision)
    return best


def cross_validate(
    windows: list[Window], scenes: dict[str, int], seed: int, sizes: Sizes = SHIPPED
) -> dict[str, float]:
    """Clip → the decision of the model that saw no clip of its scene."""
    fold_of = folds_of(scenes, seed)
    decisions: dict[str, float] = {}
    for fold in sorted(set(fold_of.values())):
        model = train([w for w in windows if fold_of[w.clip] != fold], seed, sizes)
        decisions |= decide(model, [w for w in windows if fold_of[w.clip] == fold])
    return decisions


def report(rounds: list[dict[str, float]], slope: float, offset: float, hashes: dict[str, str]) -> dict[str, Any]:
    """Figures of the cross-validation, with the score of every clip by models that never saw its scene."""
    clips = sorted(rounds[0])
    labels = np.array([is_fight(c) for c in clips])
    scores = 1 / (1 + np.exp(-(slope * np.array([[r[c] for c in clips] for r in rounds]) + offset)))
    recalls = [(row[labels] >= 0.5).mean() for row in scores]
    specificities = [(row[~labels] < 0.5).mean() for row in scores]
    balanced = (np.array(recalls) + specificities) / 2
    mean = scores.mean(axis=0)
    false_rates, true_rates, _ = roc_curve(labels, scores.ravel().reshape(scores.shape).mean(axis=0))
    order = np.argsort(np.where(labels, mean, 1 - mean))
    return {
        "folds": f"5 folds of whole scenes, {len(rounds)} random groupings",
        "balanced_accuracy": {"mean": round(balanced.mean(), 3), "sd": round(balanced.std(), 3)},
        "recall": round(float(np.mean(recalls)), 3),
        "specificity": round(float(np.mean(specificities)), 3),
        "auc": round(float(np.mean([roc_auc_score(labels, row) for row in scores])), 3),
        "roc": [
            [rate, round(float(true_rates[false_rates <= rate].max()), 3)] for rate in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
        ],
        "worst": [{"clip": clips[i], "score": round(float(mean[i]), 3)} for i in order[:12]],
        "out_of_fold": {
            c: {"sha256": hashes[c], "scores": [round(float(v), 4) for v in scores[:, i]]} for i, c in enumerate(clips)
        },
    }


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fights", type=Path, help="folder with fight/ and calm/")
    parser.add_argument("models", type=Path, help="folder with the person detector")
    arguments = parser.parse_args()
    scenes = read_scenes()
    paths = sorted(p for p in arguments.fights.glob("*/*.mp4") if p.stem in scenes)
    windows = all_windows(paths, arguments.models)
    rounds = [cross_validate(windows, scenes, seed) for seed in SEEDS]
    # One sigmoid for all: it has two numbers, learnt from decisions on scenes that were not trained on.
    known = [(d, is_fight(c)) for r in rounds for c, d in r.items() if d > CALM]
    slope, offset = calibrate(np.array([d for d, _ in known]), np.array([f for _, f in known], int))
    target = ModelStore(arguments.models).path_of("violence_motion")
    onnx.save(to_onnx(train(windows, 0), slope, offset), target)
    print(f"For inference/catalogue.yaml: size_bytes {target.stat().st_size}, sha256 {sha256_of(target)}")
    hashes = {p.stem: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
    figures = report(rounds, slope, offset, hashes)
    METRICS.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print(json.dumps({k: v for k, v in figures.items() if k != "out_of_fold"}, indent=1))


if __name__ == "__main__":
    main()
