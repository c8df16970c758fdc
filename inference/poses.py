"""Poses of persons whose boxes are known, by any top-down model of the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np

from core.types import Box, Picture
from inference.catalogue import ModelStore
from inference.decoders.poses import POSES
from inference.gpu import Gpu
from inference.images import FloatArray, Placement
from inference.manifest import ModelEntry
from inference.opening import open_model
from inference.preprocessing import Preprocessor
from inference.session import ModelError, ModelSession

_MARGIN = 1.2
"""The side of the crop, in sides of the box."""

_GREY = (114, 114, 114)


class PoseEstimator:
    """Boxes of persons in, points out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, session: ModelSession, entry: ModelEntry) -> None:
        self.model = entry.name
        self._session = session
        self._decode = POSES[entry.decoder]
        self._preprocessor = Preprocessor(entry.input, session)

    def estimate(self, pictures: Sequence[Picture], boxes: Sequence[Sequence[Box]]) -> list[list[FloatArray]]:
        """Find the points of each person.

        Args:
            pictures: (height, width, 3) uint8 BGR each.
            boxes: of the persons of each picture, in its pixels.

        Returns:
            For each picture and person (K, 3) float32: x, y in pixels of the picture, score 0 to 1; K = 17 points in
            the order of COCO for the models of the catalogue.

        Raises:
            ModelError: the outputs are not of the layout that the decoder reads.
        """
        crops = [self._crop(picture, box) for picture, several in zip(pictures, boxes, strict=True) for box in several]
        points = iter(self._points(crops) if crops else [])
        return [[next(points) for _ in several] for several in boxes]

    def warm_up(self) -> None:
        """Run once, so that the first real picture does not pay for it."""
        self.estimate([np.zeros((64, 64, 3), np.uint8)], [[(0.0, 0.0, 64.0, 64.0)]])

    def _points(self, crops: list[tuple[Picture, Placement]]) -> list[FloatArray]:
        batch = self._preprocessor.to_batch([canvas for canvas, _ in crops])
        outputs = [output.astype(np.float32, copy=False) for output in self._session.run(batch)]
        found = []
        for i, (_, placement) in enumerate(crops):
            try:
                points = self._decode([output[i] for output in outputs], self._preprocessor.size)
            except ValueError as error:
                raise ModelError(f"Model {self.model} cannot be used: {error}.") from error
            points[:, :2] = placement.to_picture(points[:, :2])
            found.append(points)
        return found

    def _crop(self, picture: Picture, box: Box) -> tuple[Picture, Placement]:
        """The box and what is around it, grown to the aspect of the input; grey beyond the picture."""
        width, height = self._preprocessor.size
        x1, y1, x2, y2 = box
        scale = min(width / max(x2 - x1, 1.0), height / max(y2 - y1, 1.0)) / _MARGIN
        left, top = width / 2 - (x1 + x2) / 2 * scale, height / 2 - (y1 + y2) / 2 * scale
        transform = np.array([[scale, 0, left], [0, scale, top]], np.float32)
        canvas = cv2.warpAffine(picture, transform, (width, height), borderValue=_GREY)
        return cast("Picture", canvas), Placement((scale, scale), left, top)


def build_pose_estimator(store: ModelStore, kind: str, *, gpu: Gpu | None, threads: int) -> PoseEstimator:
    """The model that is chosen for the role ``pose`` of this kind of recognition.

    Raises:
        MissingModelError: the model is not on this machine; the text holds the command that brings it.
        CamrecError: it is broken or gives no pose of a crop, or the GPU cannot be used.
    """
    entry = store.chosen(kind, "pose")
    return PoseEstimator(open_model(store, entry, POSES, gpu=gpu, threads=threads), entry)
