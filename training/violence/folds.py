"""Which clips are of one scene, and folds of whole scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SCENES = Path(__file__).with_name("scenes.txt")


def read_scenes(path: Path = SCENES) -> dict[str, int]:
    """Clip (file stem) → number of its scene."""
    lines = [line.split() for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return {clip: number for number, clips in enumerate(lines) for clip in clips}


def is_fight(clip: str) -> bool:
    """The data set names fights ``fi…`` and calm clips ``nofi…``."""
    return clip.startswith("fi")


def folds_of(scenes: dict[str, int], seed: int, count: int = 5) -> dict[str, int]:
    """Clip → fold. Whole scenes, largest first, each to the fold that keeps both classes most even; seeded."""
    rng = np.random.default_rng(seed)
    sizes = {scene: np.zeros(2) for scene in scenes.values()}
    for clip, scene in scenes.items():
        sizes[scene][int(is_fight(clip))] += 1
    jitter = {scene: rng.uniform(0, 4) for scene in sizes}
    totals, fold_of = np.zeros((count, 2)), {}
    for scene in sorted(sizes, key=lambda s: -(sizes[s].sum() + jitter[s])):
        growth = [((total + sizes[scene]) ** 2).sum() - (total**2).sum() + rng.uniform(0, 0.1) for total in totals]
        fold_of[scene] = int(np.argmin(growth))
        totals[fold_of[scene]] += sizes[scene]
    return {clip: fold_of[scene] for clip, scene in scenes.items()}
