"""Persons for the recognition of falls; `events.falls` follows them and judges how they move."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from core.types import Detection, Picture
from inference.catalogue import ModelStore
from inference.persons import PersonDetector, build_person_detector

KIND = "falls"

LEAST_SCORE = 0.1
"""Low: detectors are trained on people who stand, and give those who lie a third of the score or less. The tracker
takes such detections only where it expects a person."""

_log = logging.getLogger(__name__)


class FallRecogniser:
    """Pictures in, persons out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, persons: PersonDetector) -> None:
        self._persons = persons

    @property
    def model(self) -> str:
        """Name of the model in use."""
        return self._persons.model

    def describe(self) -> str:
        """Which model is in use and how good it is, for people."""
        return "person boxes, followed from frame to frame; works from 5 frames a second on, is made for 8"

    def recognise(self, frames: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        """Find the persons of a batch of pictures, whose sizes may differ.

        Args:
            frames: (height, width, 3) uint8 BGR each.

        Returns:
            For each picture its persons, best first: label ``person``, box in pixels of the picture, score from 0.1 on.

        Raises:
            ValueError: a frame is no such array.
        """
        return [tuple(found) for found in self._persons.detect(frames)]

    def warm_up(self) -> None:
        """Run the model once, so that the first real frame does not pay for it."""
        self._persons.warm_up()


def fall_models(store: ModelStore) -> tuple[str, ...]:
    """Names of the models that are used."""
    return (store.chosen(KIND, "person").name,)


def build_fall_recogniser(store: ModelStore, gpu: int | None, threads: int) -> FallRecogniser:
    """The recogniser with the chosen person detector.

    Raises:
        CamrecError: the model is missing or broken, or the GPU cannot be used.
    """
    recogniser = FallRecogniser(build_person_detector(store, KIND, gpu=gpu, threads=threads, least_score=LEAST_SCORE))
    _log.info("%s: %s (%s)", KIND, recogniser.model, recogniser.describe())
    return recogniser
