"""Objects in pictures, by any detector of the manifest: preprocessing, session, decoder and labels are data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.types import Detection, Picture
from inference.catalogue import ModelStore
from inference.decoders.boxes import Boxes, as_keypoints, best_first, without_overlaps
from inference.decoders.detectors import DETECTORS
from inference.gpu import Gpu
from inference.images import FloatArray, Placement, check_pictures
from inference.manifest import ModelEntry
from inference.opening import open_model
from inference.preprocessing import Preprocessor
from inference.session import ModelError, ModelSession

LEAST_SCORE = 0.25
MOST_OVERLAP = 0.5
"""Intersection over union above which the worse of two boxes of a class goes."""


class Detector:
    """Pictures in, objects out. Keeps no state between calls, and is safe for threads."""

    def __init__(
        self,
        session: ModelSession,
        entry: ModelEntry,
        *,
        least_score: float,
        labels: Sequence[str],
    ) -> None:
        """Labels: those that are wanted; none: all."""
        self.model = entry.name
        self._session = session
        self._labels = entry.labels
        self._decoder = DETECTORS[entry.decoder]
        self._least_score = least_score
        self._wanted = np.array([i for i, label in enumerate(entry.labels) if not labels or label in labels], np.int64)
        self._preprocessor = Preprocessor(entry.input, session)

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Find objects in a batch of pictures, whose sizes may differ.

        Args:
            pictures: (height, width, 3) uint8 BGR each.

        Returns:
            For each picture its objects, best first, boxes in pixels of the picture and within it; with
            `Detection.keypoints` where the model gives points.

        Raises:
            ValueError: a picture is no such array.
            ModelError: the outputs are not of the layout that the decoder reads.
        """
        return [self._detections(found) for found in self.find(pictures)]

    def find(self, pictures: Sequence[Picture]) -> list[Boxes]:
        """As `detect`, but as arrays, and with points where the model gives them."""
        check_pictures(pictures)
        if not pictures:
            return []
        batch, placements = self._preprocessor.prepare(pictures)
        outputs = self._run(batch)
        return [
            self._boxes(outputs[i], placement, picture)
            for i, (placement, picture) in enumerate(zip(placements, pictures, strict=True))
        ]

    def warm_up(self) -> None:
        """Run once, so that the first real picture does not pay for it."""
        width, height = self._preprocessor.size
        self.detect([np.zeros((height, width, 3), np.uint8)])

    def _detections(self, found: Boxes) -> list[Detection]:
        points = [None] * len(found.boxes) if found.points is None else [as_keypoints(p) for p in found.points]
        return [
            Detection(
                self._labels[label], float(score), (float(x1), float(y1), float(x2), float(y2)), keypoints=keypoints
            )
            for (x1, y1, x2, y2), score, label, keypoints in zip(
                found.boxes, found.scores, found.classes, points, strict=True
            )
        ]

    def _run(self, batch: npt.NDArray[Any]) -> list[list[FloatArray]]:
        """For each picture its outputs."""
        lacks_batch = self._decoder.may_lack_batch and all(len(shape) == 2 for shape in self._session.output_shapes)
        if lacks_batch:
            runs = [self._session.run(batch[i : i + 1]) for i in range(len(batch))]
            return [[output.astype(np.float32, copy=False) for output in outputs] for outputs in runs]
        outputs = [output.astype(np.float32, copy=False) for output in self._session.run(batch)]
        return [[output[i] for output in outputs] for i in range(len(batch))]

    def _boxes(self, outputs: list[FloatArray], placement: Placement, picture: Picture) -> Boxes:
        try:
            found = self._decoder.decode(outputs, self._preprocessor.size, self._least_score)
        except ValueError as error:
            raise ModelError(f"Model {self.model} cannot be used: {error}.") from error
        found = found.of_classes(self._wanted)
        found = without_overlaps(found, MOST_OVERLAP) if self._decoder.overlaps else best_first(found)
        height, width = picture.shape[:2]
        corners = placement.to_picture(found.boxes.reshape(-1, 2, 2))
        boxes = np.clip(corners, 0, np.array([width, height], np.float32)).reshape(-1, 4)
        points = found.points
        if points is not None:
            points = np.concatenate([placement.to_picture(points[..., :2]), points[..., 2:]], axis=-1)
        placed = Boxes(boxes, found.scores, found.classes, points)
        return placed.take(np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1)))


def build_detector(
    store: ModelStore,
    entry: ModelEntry,
    *,
    gpu: Gpu | None,
    threads: int,
    least_score: float = LEAST_SCORE,
    labels: Sequence[str] = (),
) -> Detector:
    """The detector of this manifest entry.

    Args:
        store: the models on this machine.
        entry: of the manifest.
        gpu: the GPU to run on; None: the CPU.
        threads: CPU threads for one batch.
        least_score: of what is found.
        labels: those that are wanted; none: all.

    Raises:
        CamrecError: the model is missing, broken, no detector, or the GPU cannot be used.
    """
    session = open_model(store, entry, DETECTORS, gpu=gpu, threads=threads)
    return Detector(session, entry, least_score=least_score, labels=labels)
