"""What a person looks like: embeddings of crops, with how much each is worth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from core.embedding import Embedding
from core.types import Picture
from inference.embedder import Embedder

WHOLE_PERSON_ASPECT = 2.0
"""Height over width of the crops that person models are trained on. A squatter crop shows a person without legs."""

FULL_HEIGHT_PX = 256
"""More pixels than this the models do not look at."""

SHARP = 150.0
"""Variance of the Laplacian at which a crop counts half; a sharp one has 400 to 4000."""

_SHARPNESS_SIZE = (64, 128)
_VERSION_DIGITS = 8


class Appearance:
    """Crops of persons in, embeddings out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.model = f"{embedder.model}@{embedder.version[:_VERSION_DIGITS]}"
        """Name and version."""

    def of(self, crops: Sequence[Picture]) -> list[Embedding]:
        """The embedding of each crop (height, width, 3) uint8 BGR.

        A crop that is too squat for a whole person is looked at twice: as it is, which the model stretches, and with
        its last row repeated where the legs would be, which keeps the proportions. Its embedding is the mean.

        Raises:
            ValueError: a crop is no such array.
        """
        views, owners = list(crops), list(range(len(crops)))
        for owner, crop in enumerate(crops):
            if missing := _missing_rows(crop):
                views.append(_extended(crop, missing))
                owners.append(owner)
        vectors = self._embedder.embed(views)
        sums = np.zeros((len(crops), self._embedder.dimensions), np.float32)
        np.add.at(sums, owners, vectors)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return [
            Embedding.of(self.model, vector, quality(crop)) for vector, crop in zip(sums / lengths, crops, strict=True)
        ]

    def warm_up(self) -> None:
        """Run once, so that the first real crop does not pay for it."""
        self._embedder.warm_up()


def quality(crop: Picture) -> float:
    """How much a crop tells, 0 to 1: its height, up to what models look at, times its sharpness."""
    grey = cv2.cvtColor(cv2.resize(crop, _SHARPNESS_SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    height = int(crop.shape[0])
    return min(1.0, height / FULL_HEIGHT_PX) * sharpness / (sharpness + SHARP)


def _missing_rows(crop: Picture) -> int:
    height, width = map(int, crop.shape[:2])
    return max(0, int(width * WHOLE_PERSON_ASPECT) - height)


def _extended(crop: Picture, rows: int) -> Picture:
    taller = cv2.copyMakeBorder(crop, 0, rows, 0, 0, cv2.BORDER_REPLICATE)
    return taller.astype(np.uint8, copy=False)
