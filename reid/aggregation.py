"""From the crops of a passage to the one embedding that stands for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.embedding import Embedding

_LEAST_LENGTH = 1e-6


def aggregate(crops: Sequence[Embedding]) -> Embedding:
    """The mean of the crops, each as heavy as its quality, brought to length 1.

    Raises:
        ValueError: no crops, crops of different models, or crops that cancel each other out.
    """
    models = {crop.model for crop in crops}
    if len(models) != 1:
        raise ValueError(f"expected crops of one model, got {sorted(models) or 'none'}")
    qualities = np.array([crop.quality for crop in crops], np.float32)
    mean = qualities @ np.stack([crop.vector for crop in crops])
    length = float(np.linalg.norm(mean))
    if length < _LEAST_LENGTH:
        raise ValueError("the crops have no common direction, or no quality")
    return Embedding.of(models.pop(), mean / length, float(qualities.max()))
