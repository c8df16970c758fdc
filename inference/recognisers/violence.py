"""Violence: how people move in a clip of about two seconds."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.types import Box, Clip, Detection
from inference.catalogue import ModelStore
from inference.images import FloatArray
from inference.motion import DESCRIPTOR_SIZE, motion_box, motion_descriptors, small_greys
from inference.persons import PersonDetector, build_person_detector
from inference.session import ModelSession, open_session

KIND = "violence"
LABEL = "violence"

MOTION_MODEL = "violence_motion"
MOTION_MODEL_PATH = Path(__file__).parents[1] / "models" / "violence.onnx"
"""Trained by `make train-violence`; docs/recognitions/violence.md is its card."""

PERSON_FRAMES = 2
"""Frames of a clip that are searched for persons: the search costs as much as all the motion of the clip."""

PERSON_SCORE = 0.15
"""Low, since those who fight overlap, bend and blur; a scene without persons still has none."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DescribedClip:
    """How a clip with persons in it moves."""

    rows: FloatArray
    """As `motion_descriptors` gives them."""
    box: Box
    """Of the place that moves most, in pixels of the clip's pictures."""


class ClipDescriber:
    """Clips to what the classifier is given, in use as in training. Keeps no state, and is safe for threads."""

    def __init__(self, persons: PersonDetector) -> None:
        self.persons = persons

    def describe(self, clips: Sequence[Clip]) -> list[DescribedClip | None]:
        """For each clip its motion; None where no person is seen.

        Raises:
            ValueError: a clip is too short, or its pictures are not alike.
        """
        return [
            None if height is None else self._describe(clip, height)
            for clip, height in zip(clips, self._person_heights(clips), strict=True)
        ]

    def _describe(self, clip: Clip, person_height: float) -> DescribedClip:
        grey = small_greys(clip.pictures)
        rows = motion_descriptors(grey, clip.interval_s, person_height)
        height, width = clip.pictures[0].shape[:2]
        x1, y1, x2, y2 = motion_box(grey, person_height)
        return DescribedClip(rows, (x1 * width, y1 * height, x2 * width, y2 * height))

    def _person_heights(self, clips: Sequence[Clip]) -> list[float | None]:
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

    def __init__(self, describer: ClipDescriber, classifier: ModelSession) -> None:
        self._describer = describer
        self._classifier = classifier

    @property
    def model(self) -> str:
        """Names of the models in use."""
        return f"{MOTION_MODEL}+{self._describer.persons.model}"

    def describe(self) -> str:
        """Which models are in use and how good they are, for people."""
        return "motion model of our own and person boxes: 4 of 5 clips right in scenes that it was not trained on"

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
        described = self._describer.describe(frames)
        scores = iter(self._scores([clip.rows for clip in described if clip is not None]))
        return [() if clip is None else (Detection(LABEL, float(next(scores)), clip.box),) for clip in described]

    def warm_up(self) -> None:
        """Run every model once, so that the first real clip does not pay for it."""
        self._describer.persons.warm_up()
        self._scores([np.zeros((1, DESCRIPTOR_SIZE), np.float32)])

    def _scores(self, clips: list[FloatArray]) -> list[float]:
        if not clips:
            return []
        # Rows of zeros are padding, which the model leaves out.
        batch = np.zeros((len(clips), max(1, *map(len, clips)), DESCRIPTOR_SIZE), np.float32)
        for target, rows in zip(batch, clips, strict=True):
            target[: len(rows)] = rows
        return [float(score) for score in self._classifier.run(batch)[0][:, 0]]


def violence_models(store: ModelStore) -> tuple[str, ...]:
    """Names of the models of the manifest that are used."""
    return (store.chosen(KIND, "person").name,)


def build_clip_describer(store: ModelStore, gpu: int | None, threads: int) -> ClipDescriber:
    """The describer with the chosen person detector.

    Raises:
        CamrecError: the model is missing or broken, or the GPU cannot be used.
    """
    return ClipDescriber(build_person_detector(store, KIND, gpu=gpu, threads=threads, least_score=PERSON_SCORE))


def build_violence_recogniser(store: ModelStore, gpu: int | None, threads: int) -> ViolenceRecogniser:
    """The recogniser with the chosen person detector and the motion model that comes with camrec.

    Raises:
        CamrecError: a model is missing or broken, or the GPU cannot be used.
    """
    # A few thousand multiplications: sending them to a GPU would cost more.
    classifier = open_session(
        MOTION_MODEL_PATH, gpu=None, threads=1, input_shape=(None, None, DESCRIPTOR_SIZE), output_shape=(None, 1)
    )
    recogniser = ViolenceRecogniser(build_clip_describer(store, gpu, threads), classifier)
    _log.info("%s: %s (%s)", KIND, recogniser.model, recogniser.describe())
    return recogniser
