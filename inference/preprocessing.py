"""Pictures to the input of a model, as its manifest entry says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from core.types import Picture
from inference.images import Placement, letterbox, stretch, to_batch
from inference.manifest import ModelInput
from inference.session import ModelError, ModelSession


class Preprocessor:
    """Pictures of any sizes to batches of one model."""

    def __init__(self, taken: ModelInput, session: ModelSession) -> None:
        """Taken: of the manifest; where it leaves the size free, the graph must name it.

        Raises:
            ModelError: neither names it.
        """
        self._taken = taken
        self._type = session.input_type
        shape = session.input_shape
        width = taken.size[0] or shape[taken.layout.index("W")]
        height = taken.size[1] or shape[taken.layout.index("H")]
        if width is None or height is None:
            raise ModelError(f"{session.path.name} cannot be used: expected a model of fixed input size, got {shape}")
        self.size = width, height
        """Width and height of the input, in pixels."""

    def prepare(self, pictures: Sequence[Picture]) -> tuple[npt.NDArray[Any], list[Placement]]:
        """A batch, and where each picture stands in it."""
        placed = [self._place(picture) for picture in pictures]
        return self.to_batch([canvas for canvas, _ in placed]), [placement for _, placement in placed]

    def to_batch(self, canvases: Sequence[Picture]) -> npt.NDArray[Any]:
        """A batch of pictures that have the size of the input."""
        return to_input(canvases, self._taken, self._type)

    def _place(self, picture: Picture) -> tuple[Picture, Placement]:
        if self._taken.resize == "stretch":
            return stretch(picture, *self.size)
        return letterbox(picture, *self.size, self._taken.pad, centred=self._taken.resize == "letterbox")


def to_input(canvases: Sequence[Picture], taken: ModelInput, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """A batch of pictures (height, width, 3) uint8 BGR of one size, in the layout and type of a model's input.

    A model of one channel is given grey.
    """
    grey = taken.shape[taken.layout.index("C")] == 1
    if grey:
        canvases = [_greyed(canvas) for canvas in canvases]
    batch = to_batch(canvases, colour=taken.colour, mean=taken.mean, scale=taken.scale)
    if grey:
        batch = batch[:, :1]
    if taken.layout == "NHWC":
        return np.ascontiguousarray(batch.transpose(0, 2, 3, 1), kind)
    return batch.astype(kind, copy=False)


def _greyed(picture: Picture) -> Picture:
    return cast("Picture", cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))
