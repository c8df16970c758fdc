"""How good the recipe is when its sizes and its threshold are chosen without the clips that judge them.

For each outer fold of whole scenes, a cross-validation inside the other folds picks the sizes with the largest area
under the ROC and fits the sigmoid; only then are the clips of the outer fold scored. Bias in the ordinary figure is
what the two differ by (Cawley and Talbot, "On over-fitting in model selection", JMLR 2010).

nice -n 10 .venv-train/bin/python -m training.violence.nested ../shared/data/fights ../shared/data/models
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score

from training.violence.folds import folds_of, is_fight, read_scenes
from training.violence.model import Array, Sizes, calibrate
from training.violence.train import CALM, Window, all_windows, cross_validate, decide, train

NESTED = Path(__file__).with_name("nested.json")
SEEDS = range(3)
CHOICES = [Sizes(*one) for one in product((4, 8, 16), (16, 24), (0.1, 0.3, 1.0))]


def score_fold(task: tuple[int, int], windows: list[Window]) -> tuple[Sizes, dict[str, float]]:
    """The sizes chosen without a fold (seed, number), and the scores, 0 to 1, of the fold's clips."""
    seed, fold = task
    warnings.simplefilter("ignore", ConvergenceWarning)
    scenes = read_scenes()
    fold_of = folds_of(scenes, seed)
    known = [w for w in windows if fold_of[w.clip] != fold]
    inner_scenes = {clip: scene for clip, scene in scenes.items() if fold_of[clip] != fold}
    inner = {sizes: cross_validate(known, inner_scenes, seed, sizes) for sizes in CHOICES}
    best = max(inner, key=lambda sizes: roc_auc_score(*_labels_and_values(inner[sizes])))
    labels, values = _labels_and_values({clip: value for clip, value in inner[best].items() if value > CALM})
    slope, offset = calibrate(values, labels)
    decisions = decide(train(known, seed, best), [w for w in windows if fold_of[w.clip] == fold])
    return best, {clip: float(1 / (1 + np.exp(-(slope * value + offset)))) for clip, value in decisions.items()}


def _labels_and_values(of_clips: dict[str, float]) -> tuple[Array, Array]:
    return np.array([is_fight(clip) for clip in of_clips], int), np.array(list(of_clips.values()))


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fights", type=Path, help="folder with fight/ and calm/")
    parser.add_argument("models", type=Path, help="folder with the person detector")
    arguments = parser.parse_args()
    scenes = read_scenes()
    windows = all_windows(sorted(p for p in arguments.fights.glob("*/*.mp4") if p.stem in scenes), arguments.models)
    tasks = list(product(SEEDS, range(5)))
    with ProcessPoolExecutor() as pool:
        answers = list(pool.map(partial(score_fold, windows=windows), tasks))
    balanced, areas = [], []
    for seed in SEEDS:
        of_clips: dict[str, float] = {}
        for task, (_, scores) in zip(tasks, answers, strict=True):
            of_clips |= scores if task[0] == seed else {}
        labels, values = _labels_and_values(of_clips)
        balanced.append(((values[labels == 1] >= 0.5).mean() + (values[labels == 0] < 0.5).mean()) / 2)
        areas.append(roc_auc_score(labels, values))
    chosen = Counter(f"{s.components} Gaussians, {s.dimensions} dimensions, cost {s.cost}" for s, _ in answers)
    figures = {
        "folds": f"5 outer folds of whole scenes, 5 inner, {len(SEEDS)} random groupings",
        "balanced_accuracy": {"mean": round(float(np.mean(balanced)), 3), "sd": round(float(np.std(balanced)), 3)},
        "auc": round(float(np.mean(areas)), 3),
        "choices": len(CHOICES),
        "chosen": dict(chosen.most_common()),
    }
    NESTED.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
