"""Violence by our own motion model: from dense optical flow, measured in heights of the persons of the clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.types import Box, Clip, Picture
from inference.catalogue import ModelStore
from inference.images import FloatArray
from inference.manifest import ModelEntry
from inference.motion import DESCRIPTOR_SIZE, motion_box, motion_descriptors, small_greys
from inference.opening import open_model
from inference.session import ModelSession

DECODER = "motion"


@dataclass(frozen=True, slots=True)
class DescribedClip:
    """How a clip with persons in it moves."""

    rows: FloatArray
    """As `motion_descriptors` gives them."""
    box: Box
    """Of the place that moves most, in pixels of the clip's pictures."""


def describe_clip(clip: Clip, person_height: float) -> DescribedClip:
    """What the classifier is given, in use as in training.

    Args:
        clip: at least 4 pictures.
        person_height: of the clip's persons, as a share of the picture's.

    Raises:
        ValueError: the clip is too short, or its pictures are not alike.
    """
    grey = small_greys(clip.pictures)
    return DescribedClip(motion_descriptors(grey, clip.interval_s, person_height), pixel_box(clip, grey, person_height))


def pixel_box(clip: Clip, grey: Sequence[Picture], person_height: float) -> Box:
    """The place that moves most, in pixels of the clip's pictures."""
    height, width = clip.pictures[0].shape[:2]
    x1, y1, x2, y2 = motion_box(grey, person_height)
    return x1 * width, y1 * height, x2 * width, y2 * height


class MotionScorer:
    """Clips in, scores out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, session: ModelSession, entry: ModelEntry) -> None:
        self.model = entry.name
        self._session = session

    def describe(self) -> str:
        """How good it is, for people."""
        return "motion model of our own: 4 of 5 clips right in scenes that it was not trained on"

    def score(self, clips: Sequence[Clip], person_heights: Sequence[float]) -> list[tuple[float, Box]]:
        """Score, 0 to 1, of each clip, and where it moves most."""
        described = [describe_clip(clip, height) for clip, height in zip(clips, person_heights, strict=True)]
        scores = self._scores([clip.rows for clip in described])
        return [(score, clip.box) for score, clip in zip(scores, described, strict=True)]

    def warm_up(self) -> None:
        """Run once, so that the first real clip does not pay for it."""
        self._scores([np.zeros((1, DESCRIPTOR_SIZE), np.float32)])

    def _scores(self, clips: list[FloatArray]) -> list[float]:
        if not clips:
            return []
        # Rows of zeros are padding, which the model leaves out.
        batch = np.zeros((len(clips), max(1, *map(len, clips)), DESCRIPTOR_SIZE), np.float32)
        for target, rows in zip(batch, clips, strict=True):
            target[: len(rows)] = rows
        return [float(score) for score in self._session.run(batch)[0][:, 0]]


def build_motion_scorer(store: ModelStore, entry: ModelEntry) -> MotionScorer:
    """The scorer with this model.

    Raises:
        CamrecError: the model is missing or broken.
    """
    # A few thousand multiplications: sending them to a GPU would cost more.
    return MotionScorer(open_model(store, entry, (DECODER,), gpu=None, threads=1), entry)
