"""Violence: how people move in a clip of about two seconds. Without people in it, a clip is never violent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from core.types import Box, Clip, Detection
from inference.catalogue import ModelStore
from inference.gpu import Gpu
from inference.persons import PersonDetector, build_person_detector
from inference.recognisers.violence_by_classifier import build_classifier_scorer
from inference.recognisers.violence_by_motion import DECODER, build_motion_scorer

KIND = "violence"
LABEL = "violence"

PERSON_FRAMES = 2
"""Frames of a clip that are searched for persons: the search costs as much as all the motion of the clip."""

PERSON_SCORE = 0.15
"""Low, since those who fight overlap, bend and blur; a scene without persons still has none."""

_log = logging.getLogger(__name__)


class ClipScorer(Protocol):
    """Tells how violent clips with persons in them are."""

    model: str

    def describe(self) -> str:
        """What it is and how good, for people."""

    def score(self, clips: Sequence[Clip], person_heights: Sequence[float]) -> list[tuple[float, Box]]:
        """For each clip its score, 0 to 1, and the place that moves most, in pixels of the clip's pictures.

        Args:
            clips: with persons in them.
            person_heights: of each clip's persons, as a share of the picture's height.
        """

    def warm_up(self) -> None:
        """Run once, so that the first real clip does not pay for it."""


class PersonGate:
    """Which clips show persons, and how large. Keeps no state, and is safe for threads."""

    def __init__(self, persons: PersonDetector) -> None:
        self.persons = persons

    def heights(self, clips: Sequence[Clip]) -> list[float | None]:
        """Of each clip the median height of its persons, as a share of the picture's; None: there are none."""
        looked_at = [
            clip.pictures[round((len(clip.pictures) - 1) * (2 * i + 1) / (2 * PERSON_FRAMES))]
            for clip in clips
            for i in range(PERSON_FRAMES)
        ]
        found = self.persons.detect(looked_at)
        heights = []
        for number, clip in enumerate(clips):
            frames = found[number * PERSON_FRAMES : (number + 1) * PERSON_FRAMES]
            seen = [d.box[3] - d.box[1] for frame in frames for d in frame]
            heights.append(float(np.median(seen)) / clip.pictures[0].shape[0] if seen else None)
        return heights


class ViolenceRecogniser:
    """Clips in, at most one detection each out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, gate: PersonGate, scorer: ClipScorer) -> None:
        self._gate = gate
        self._scorer = scorer

    @property
    def model(self) -> str:
        """Names of the models in use."""
        return f"{self._scorer.model}+{self._gate.persons.model}"

    def describe(self) -> str:
        """Which models are in use and how good they are, for people."""
        return f"{self._scorer.describe()}; only where persons are seen"

    def recognise(self, frames: Sequence[Clip]) -> list[tuple[Detection, ...]]:
        """Score a batch of clips.

        Args:
            frames: clips of at least 4 pictures.

        Returns:
            For each clip, where persons are seen, one detection ``violence``: its score, 0 to 1, and the box, in
            pixels of the clip's pictures, of the place that moves most. Without persons: nothing.

        Raises:
            ValueError: a clip is too short, or its pictures are no such arrays or not alike.
        """
        heights = self._gate.heights(frames)
        peopled = [(clip, height) for clip, height in zip(frames, heights, strict=True) if height is not None]
        scored = iter(self._scorer.score([clip for clip, _ in peopled], [height for _, height in peopled]))
        return [() if height is None else (_detection(*next(scored)),) for height in heights]

    def warm_up(self) -> None:
        """Run every model once, so that the first real clip does not pay for it."""
        self._gate.persons.warm_up()
        self._scorer.warm_up()


def _detection(score: float, box: Box) -> Detection:
    return Detection(LABEL, score, box)


def violence_models(store: ModelStore) -> tuple[str, ...]:
    """Names of the models that are used."""
    return (store.chosen(KIND, "person").name, store.chosen(KIND, "clip").name)


def build_person_gate(store: ModelStore, gpu: Gpu | None, threads: int) -> PersonGate:
    """The gate with the chosen person detector.

    Raises:
        CamrecError: the model is missing or broken, or the GPU cannot be used.
    """
    return PersonGate(build_person_detector(store, KIND, gpu=gpu, threads=threads, least_score=PERSON_SCORE))


def build_violence_recogniser(store: ModelStore, gpu: Gpu | None, threads: int) -> ViolenceRecogniser:
    """The recogniser with the chosen models.

    Raises:
        CamrecError: a model is missing or broken, or the GPU cannot be used.
    """
    gate, entry = build_person_gate(store, gpu, threads), store.chosen(KIND, "clip")
    scorer: ClipScorer = (
        build_motion_scorer(store, entry)
        if entry.decoder == DECODER
        else build_classifier_scorer(store, entry, gpu, threads)
    )
    recogniser = ViolenceRecogniser(gate, scorer)
    _log.info("%s: %s (%s)", KIND, recogniser.model, recogniser.describe())
    return recogniser
