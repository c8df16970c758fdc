"""Re-identification: where persons are, and what each of them looks like."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from core.types import Box, Detection, Picture
from inference.appearance import Appearance
from inference.catalogue import ModelStore
from inference.embedder import build_embedder
from inference.gpu import Gpu
from inference.images import check_pictures
from inference.persons import PERSON, PersonDetector, build_person_detector

KIND = "reid"

CROP_ASPECT = 0.8
"""Width over height from which a picture is a scene with persons in it; below, it is a person."""

_log = logging.getLogger(__name__)


class ReidRecogniser:
    """Pictures in, persons with embeddings out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, persons: PersonDetector, appearance: Appearance) -> None:
        self._persons = persons
        self._appearance = appearance

    @property
    def model(self) -> str:
        """Names of the models in use."""
        return f"{self._persons.model}+{self._appearance.model}"

    def describe(self) -> str:
        """Which models are in use and how good they are, for people."""
        return (
            "person detector and person embedding; of 36 pictures of 6 persons, 97 % are most alike to another one of "
            "the same person. It compares clothes, not faces"
        )

    def recognise(self, frames: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        """Find the persons of a batch of pictures, whose sizes may differ, and say what they look like.

        Args:
            frames: (height, width, 3) uint8 BGR each.

        Returns:
            For each picture its persons, best first: label ``person``, box in pixels of the picture, embedding.

        Raises:
            ValueError: a frame is no such array.
        """
        found = self._persons.detect(frames)
        crops = [cut_out(frame, person.box) for frame, persons in zip(frames, found, strict=True) for person in persons]
        embeddings = iter(self._appearance.of(crops))
        return [tuple(replace(person, embedding=next(embeddings)) for person in persons) for persons in found]

    def persons_in(self, picture: Picture) -> tuple[Detection, ...]:
        """The persons of a picture that somebody asks about: those of a scene, else the whole picture as one person.

        Raises:
            ValueError: the picture is not (height, width, 3) uint8.
        """
        check_pictures([picture])
        height, width = picture.shape[:2]
        (found,) = self.recognise([picture]) if width > CROP_ASPECT * height else ((),)
        if found:
            return found
        (embedding,) = self._appearance.of([picture])
        return (Detection(PERSON, 1.0, (0.0, 0.0, float(width), float(height)), embedding=embedding),)

    @property
    def embedding_model(self) -> str:
        """Name and version that every embedding bears."""
        return self._appearance.model

    def warm_up(self) -> None:
        """Run every model once, so that the first real frame does not pay for it."""
        self._persons.warm_up()
        self._appearance.warm_up()


def cut_out(picture: Picture, box: Box) -> Picture:
    """The part of a picture within a box, at least one pixel."""
    rows, columns = picture.shape[:2]
    left, top = min(max(0, int(box[0])), columns - 1), min(max(0, int(box[1])), rows - 1)
    right, bottom = max(left + 1, min(columns, round(box[2]))), max(top + 1, min(rows, round(box[3])))
    return picture[top:bottom, left:right]


def reid_models(store: ModelStore) -> tuple[str, ...]:
    """Names of the models that are used."""
    return tuple(store.chosen(KIND, role).name for role in ("person", "embedding"))


def build_reid_recogniser(store: ModelStore, gpu: Gpu | None, threads: int) -> ReidRecogniser:
    """The recogniser of the models that are chosen.

    Raises:
        CamrecError: a model is missing or broken, or the GPU cannot be used.
    """
    recogniser = ReidRecogniser(
        build_person_detector(store, KIND, gpu=gpu, threads=threads),
        Appearance(build_embedder(store, KIND, gpu=gpu, threads=threads)),
    )
    _log.info("%s: %s (%s)", KIND, recogniser.model, recogniser.describe())
    return recogniser
