"""Where a clock is burned into a camera's picture (its on-screen display): digits that change are no motion."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

CellMask = npt.NDArray[np.bool_]
"""(rows, columns) bool: one for each cell of the motion detector's picture."""

MARGIN = 1 / 6
"""Share of the picture's height, at its top and at its bottom, in which text stands."""
MEMORY_S = 300.0
CHRONIC_SHARE = 0.1
"""Of the last minutes in which a cell differed from its background: so do tens of seconds, if only for a moment."""
MOST_AREA = 0.03
"""Share of the picture: what is larger is no text, e.g. a road or a crowd, and is motion."""
_REACH = np.ones((3, 21), np.uint8)
"""Minutes change too seldom to be learnt; they stand beside the seconds."""


class OsdMask:
    """Of one view. Anything that reaches out of the text is motion as ever; it hides only what is wholly within."""

    def __init__(self, shape: tuple[int, int]) -> None:
        """For pictures of (rows, columns) cells."""
        self.shape = shape
        self._changed_share = np.zeros(shape, np.float32)
        rows = np.arange(shape[0]) / shape[0]
        self._margin = ((rows < MARGIN) | (rows >= 1 - MARGIN))[:, None]

    def note(self, changed: CellMask, elapsed_s: float) -> CellMask:
        """Learn which cells have changed; returns those that are text."""
        share = np.float32(1 - np.exp(-elapsed_s / MEMORY_S))
        self._changed_share += share * (changed - self._changed_share)
        chronic = (self._changed_share > CHRONIC_SHARE) & self._margin
        text = cv2.dilate(chronic.astype(np.uint8), _REACH).astype(np.bool_)
        return text if np.count_nonzero(text) <= MOST_AREA * text.size else np.zeros_like(text)
