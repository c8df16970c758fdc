"""Violence by any clip classifier that knows a class for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.types import Box, Clip, Picture
from inference.catalogue import ModelStore
from inference.classifier import CLIPS, ClipClassifier
from inference.gpu import Gpu
from inference.manifest import ModelEntry
from inference.motion import small_greys
from inference.opening import open_model
from inference.recognisers.violence_by_motion import pixel_box
from inference.roles import VIOLENCE_LABELS


class ClassifierScorer:
    """Clips in, scores out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, classifier: ClipClassifier) -> None:
        self.model = classifier.model
        self._classifier = classifier
        self._violent = [i for i, label in enumerate(classifier.labels) if label.lower() in VIOLENCE_LABELS]

    def describe(self) -> str:
        """What it is, for people."""
        violent = ", ".join(self._classifier.labels[i] for i in self._violent)
        return (
            f"clip classifier, {self._classifier.length} pictures a clip, of its classes {violent}; not measured by us"
        )

    def score(self, clips: Sequence[Clip], person_heights: Sequence[float]) -> list[tuple[float, Box]]:
        """Probability of violence of each clip, and where it moves most."""
        probabilities = self._classifier.classify([_spread(clip.pictures, self._classifier.length) for clip in clips])
        scores = probabilities[:, self._violent].sum(axis=1)
        boxes = [
            pixel_box(clip, small_greys(clip.pictures), height)
            for clip, height in zip(clips, person_heights, strict=True)
        ]
        return [(min(1.0, float(score)), box) for score, box in zip(scores, boxes, strict=True)]

    def warm_up(self) -> None:
        """Run once, so that the first real clip does not pay for it."""
        self._classifier.classify([[np.zeros((64, 64, 3), np.uint8)] * self._classifier.length])


def _spread(pictures: Sequence[Picture], count: int) -> list[Picture]:
    """So many pictures, evenly from the first to the last; some twice where there are fewer."""
    return [pictures[round(place)] for place in np.linspace(0, len(pictures) - 1, count)]


def build_classifier_scorer(store: ModelStore, entry: ModelEntry, gpu: Gpu | None, threads: int) -> ClassifierScorer:
    """The scorer with this model.

    Raises:
        CamrecError: the model is missing or broken, or the GPU cannot be used.
    """
    session = open_model(store, entry, (CLIPS,), gpu=gpu, threads=threads)
    return ClassifierScorer(ClipClassifier(session, entry))
