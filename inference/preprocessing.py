"""Pictures to the input of a model, as its manifest entry says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
        taken = self._taken
        batch = to_batch(canvases, colour=taken.colour, mean=taken.mean, scale=taken.scale)
        if taken.layout == "NHWC":
            return np.ascontiguousarray(batch.transpose(0, 2, 3, 1), self._type)
        return batch.astype(self._type, copy=False)

    def _place(self, picture: Picture) -> tuple[Picture, Placement]:
        if self._taken.resize == "stretch":
            return stretch(picture, *self.size)
        return letterbox(picture, *self.size, self._taken.pad, centred=self._taken.resize == "letterbox")
