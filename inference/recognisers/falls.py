"""Persons for the recognition of falls; `events.falls` follows them and judges how they move."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from core.types import Box, Detection, Picture
from inference.catalogue import ModelStore
from inference.decoders.boxes import as_keypoints
from inference.gpu import Gpu
from inference.persons import PersonDetector, build_person_detector
from inference.poses import PoseEstimator, build_pose_estimator

KIND = "falls"

LEAST_SCORE = 0.1
"""Low: detectors are trained on people who stand, and give those who lie a third of the score or less. The tracker
takes such detections only where it expects a person."""

STANDING_SHAPE = 0.55
"""Width / height of a box up to which a person plainly stands: nobody's pose is asked for then."""

MOST_POSES = 4
"""Of one picture, of those seen most surely: the cost of a crowd is bounded."""

_log = logging.getLogger(__name__)


class FallRecogniser:
    """Pictures in, persons out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, persons: PersonDetector, poses: PoseEstimator | None = None) -> None:
        """Poses: of those who do not plainly stand, unless the detector gives them; None: what that gives must do."""
        self._persons = persons
        self._poses = poses

    @property
    def model(self) -> str:
        """Names of the models in use."""
        return self._persons.model if self._poses is None else f"{self._persons.model}+{self._poses.model}"

    def describe(self) -> str:
        """Which models are in use and how good they are, for people."""
        how = "person boxes" if self._poses is None else "person boxes, and poses of those who do not plainly stand"
        return f"{how}, followed from frame to frame; works from 5 frames a second on, is made for 8"

    def recognise(self, frames: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        """Find the persons of a batch of pictures, whose sizes may differ.

        Args:
            frames: (height, width, 3) uint8 BGR each.

        Returns:
            For each picture its persons, best first: label ``person``, box in pixels of the picture, score from 0.1
            on; with `Detection.keypoints` where a pose was looked for.

        Raises:
            ValueError: a frame is no such array.
        """
        found = [tuple(persons) for persons in self._persons.detect(frames)]
        return found if self._poses is None else self._with_poses(self._poses, frames, found)

    def warm_up(self) -> None:
        """Run every model once, so that the first real frame does not pay for it."""
        self._persons.warm_up()
        if self._poses is not None:
            self._poses.warm_up()

    @staticmethod
    def _with_poses(
        poses: PoseEstimator, frames: Sequence[Picture], found: Sequence[tuple[Detection, ...]]
    ) -> list[tuple[Detection, ...]]:
        asked = [
            [n for n, person in enumerate(persons) if person.keypoints is None and not _stands(person.box)][:MOST_POSES]
            for persons in found
        ]
        boxes = [[persons[n].box for n in numbers] for persons, numbers in zip(found, asked, strict=True)]
        answer = []
        for persons, numbers, several in zip(found, asked, poses.estimate(frames, boxes), strict=True):
            points = {n: as_keypoints(pose) for n, pose in zip(numbers, several, strict=True)}
            answer.append(
                tuple(replace(person, keypoints=points.get(n, person.keypoints)) for n, person in enumerate(persons))
            )
        return answer


def _stands(box: Box) -> bool:
    return box[2] - box[0] <= STANDING_SHAPE * (box[3] - box[1])


def fall_models(store: ModelStore) -> tuple[str, ...]:
    """Names of the models that are used."""
    return (store.chosen(KIND, "person").name, store.chosen(KIND, "pose").name)


def build_fall_recogniser(store: ModelStore, gpu: Gpu | None, threads: int) -> FallRecogniser:
    """The recogniser with the chosen person detector, and the chosen pose model where it is on this machine.

    Raises:
        CamrecError: the detector is missing or broken, the pose model is broken, or the GPU cannot be used.
    """
    persons = build_person_detector(store, KIND, gpu=gpu, threads=threads, least_score=LEAST_SCORE)
    poses = None
    if store.has(store.chosen(KIND, "pose").name):
        poses = build_pose_estimator(store, KIND, gpu=gpu, threads=threads)
    recogniser = FallRecogniser(persons, poses)
    _log.info("%s: %s (%s)", KIND, recogniser.model, recogniser.describe())
    return recogniser
