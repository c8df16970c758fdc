"""Any text recogniser of the manifest: pictures of one line each to steps of probabilities, and to text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import cv2
import numpy as np

from core.types import Picture
from inference.decoders import ctc
from inference.decoders.ctc import Line
from inference.decoders.text import TEXTS
from inference.grouping import map_by_group
from inference.images import FloatArray, check_pictures, letterbox, stretch
from inference.manifest import ModelEntry
from inference.preprocessing import to_input
from inference.session import ModelError, ModelSession
from inference.text.characters import characters_in

_WIDTH_STEP = 32
# Recognisers are trained on lines padded to the right: without the pad they lose the last character.
_LEAST_PAD = 32
_LEAST_WIDTH = 160
_MOST_WIDTH = 2048
_GREY = 127
_MOST_IN_BATCH = 32


class TextModel:
    """Pictures of one line each in, what they say out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, session: ModelSession, entry: ModelEntry) -> None:
        """Entry: its labels are the alphabet; none: the file holds it, as RapidOCR exports them.

        Raises:
            ModelError: there is no alphabet, it does not do, or nothing says how high the input is.
        """
        self.model = entry.name
        self._session = session
        self._taken = entry.input
        self._decoder = TEXTS[entry.decoder]
        self._labels = entry.labels or characters_in(session.metadata)
        if not self._labels:
            raise ModelError(f"Model {self.model} cannot be used: neither it nor its description has an alphabet.")
        try:
            self.characters = self._decoder.characters(self._labels)
        except ValueError as error:
            raise ModelError(f"Model {self.model} cannot be used: {error}.") from error
        width, height = self._taken.size
        if height is None:
            raise ModelError(f"Model {self.model} cannot be used: expected a line of fixed height, got any.")
        self._width, self._height = width, height

    def read(self, crops: Sequence[Picture]) -> list[Line]:
        """What each line says.

        Args:
            crops: (height, width, 3) uint8 BGR each, of any sizes; upright, and nothing but the line.

        Raises:
            ValueError: a crop is no such array.
            ModelError: the output is not of the layout that the decoder reads, or does not fit the alphabet.
        """
        return self.interpret(crops, lambda steps: ctc.decode(steps, self.characters))

    def interpret(self, crops: Sequence[Picture], interpret: Callable[[FloatArray], list[Line]]) -> list[Line]:
        """As `read`, but lines are made of probabilities (N, steps, 1 + characters), blank first, by the caller.

        Crops that come to the same width share a batch.
        """
        check_pictures(crops)
        widths = [self._width or padded_width(self._columns(crop)) for crop in crops]

        def run(alike: list[tuple[Picture, int]]) -> list[Line]:
            return interpret(self._steps(alike))

        return map_by_group(list(zip(crops, widths, strict=True)), widths, run, most=_MOST_IN_BATCH)

    def warm_up(self) -> None:
        """Run once, so that the first real line does not pay for it."""
        self.read([np.zeros((self._height, 4 * self._height, 3), np.uint8)])

    def _steps(self, crops: list[tuple[Picture, int]]) -> FloatArray:
        canvases = [self._canvas(crop, width) for crop, width in crops]
        output = self._session.run(to_input(canvases, self._taken, self._session.input_type))[0]
        try:
            return self._decoder.decode(output.astype(np.float32, copy=False), self._labels)
        except ValueError as error:
            raise ModelError(f"Model {self.model} cannot be used: {error}.") from error

    def _canvas(self, crop: Picture, width: int) -> Picture:
        if self._taken.resize == "stretch":
            return stretch(crop, width, self._height)[0]
        if self._taken.resize != "height":
            centred = self._taken.resize == "letterbox"
            return letterbox(crop, width, self._height, self._taken.pad, centred=centred)[0]
        columns = min(self._columns(crop), width)
        canvas = np.full((self._height, width, 3), _GREY, np.uint8)
        canvas[:, :columns] = cast("Picture", cv2.resize(crop, (columns, self._height)))
        return canvas

    def _columns(self, crop: Picture) -> int:
        rows, columns = crop.shape[:2]
        return int(min(max(1, round(columns * self._height / rows)), _MOST_WIDTH))


def padded_width(width: int) -> int:
    """Columns of the input for a line of that width."""
    return max(_LEAST_WIDTH, -(-(width + _LEAST_PAD) // _WIDTH_STEP) * _WIDTH_STEP)
