"""Persons in pictures, by whichever detector is chosen for the recognition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.errors import CamrecError
from core.types import Detection, Picture
from inference.catalogue import ModelStore
from inference.detector import LEAST_SCORE, Detector, build_detector
from inference.gpu import Gpu
from inference.roles import PERSON_LABELS

PERSON = "person"


class PersonDetector:
    """Pictures in, persons out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def model(self) -> str:
        """Name of the model in use."""
        return self._detector.model

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Find the persons of a batch of pictures, as `Detector.detect`, all labelled ``person``."""
        return [[replace(d, label=PERSON) for d in found] for found in self._detector.detect(pictures)]

    def warm_up(self) -> None:
        """Run once, so that the first real picture does not pay for it."""
        self._detector.warm_up()


def build_person_detector(
    store: ModelStore, kind: str, *, gpu: Gpu | None, threads: int, least_score: float = LEAST_SCORE
) -> PersonDetector:
    """The detector that is chosen for the role ``person`` of this kind of recognition.

    Args:
        store: the models on this machine.
        kind: of recognition, e.g. ``falls``.
        gpu: the GPU to run on; None: the CPU.
        threads: CPU threads for one batch.
        least_score: of what is found.

    Raises:
        MissingModelError: the model is not on this machine; the text holds the command that brings it.
        CamrecError: it is broken or finds no persons, or the GPU cannot be used.
    """
    entry = store.chosen(kind, "person")
    names = [label for label in entry.labels if label.lower() in PERSON_LABELS]
    if not names:
        raise CamrecError(
            f"Model {entry.name} finds no persons: none of its labels is one of {', '.join(PERSON_LABELS)}."
        )
    return PersonDetector(build_detector(store, entry, gpu=gpu, threads=threads, least_score=least_score, labels=names))
