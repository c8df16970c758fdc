"""Whether anything moves in a camera's picture: recognition is to cost by what happens, not by the number of cameras.

A running average of each cell of a small grey picture is the background. A cell has changed where it is farther from it
than its own noise explains; a few changed cells beside each other are motion. The average follows within seconds, so
that what comes to rest becomes background, while whatever moves, however slowly, keeps changing the cells at its edges.
(Compare Wren et al., Pfinder: Real-time tracking of the human body, 1997: a Gaussian for each pixel.)
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

GreyPicture = npt.NDArray[np.uint8]
"""(height, width) uint8: the luma plane of a frame."""

WIDTH = 160
"""Cells across. A cell averages the noise of its pixels away."""
BACKGROUND_S = 5.0
"""Time in which the average follows a change."""
RECENT_S = 1.0
SETTLED_S = 2.0
"""A cell that has stayed as it was of late for so long is background, however different it was before: who parks, or
leaves an empty place behind, is not motion for long. What moves slowly does not settle: its edges keep changing."""
ADOPTION_S = 0.7
NOISE_S = 15.0
LEAST_STEP = 4.0
"""Levels of grey, of 255, by which a cell must differ where there is no noise: a coat at night is not much more."""
NOISE_FACTOR = 5.0
"""Of the mean deviation; 4 standard deviations of a normal distribution."""
LEAST_CELLS = 3
"""Changed cells among nine that touch; single ones are noise."""
LEARN_S = 2.0
"""A new view is all motion until its background is known."""
CUT_SHARE = 0.6
"""Where more of the picture changes at once, the camera was turned or the light switched: a new view."""
_FIRST_NOISE = 2.0
_KERNEL = np.ones((3, 3), np.float32)


class MotionDetector:
    """Follows one stream; frames come in order of time. Not safe for threads."""

    def __init__(self) -> None:
        self._mean: npt.NDArray[np.float32] | None = None
        self._recent = self._noise = self._settled_s = np.empty((0, 0), np.float32)
        self._at_s = self._learnt_s = 0.0
        self.is_learning = True
        """Whether the last answer was yes only because the view is not known yet."""

    def look(self, luma: GreyPicture, at_s: float) -> bool:
        """Whether something moves.

        Args:
            luma: the picture.
            at_s: its time, in seconds.
        """
        cells = small(luma)
        if self._mean is None or self._mean.shape != cells.shape or not 0 < at_s - self._at_s < 60.0:
            self._learn(cells, at_s)
            self.is_learning = True
            return True
        elapsed_s, self._at_s = at_s - self._at_s, at_s
        change = cells - self._mean
        # Brighter or darker as a whole is the sun or the camera's exposure.
        deviation = np.abs(change - float(np.median(change)))
        changed = deviation > np.maximum(LEAST_STEP, NOISE_FACTOR * self._noise)
        self._follow(cells, change, deviation, changed, elapsed_s)
        self.is_learning = at_s < self._learnt_s
        if changed.mean() > CUT_SHARE:
            self._learn(cells, at_s)
            self.is_learning = False
        beside = cv2.filter2D(changed.astype(np.float32), -1, _KERNEL, borderType=cv2.BORDER_CONSTANT)
        return self.is_learning or bool(beside.max() >= LEAST_CELLS)

    def _learn(self, cells: npt.NDArray[np.float32], at_s: float) -> None:
        self._mean = self._recent = cells
        self._settled_s = np.zeros(cells.shape, np.float32)
        self._noise = np.full(cells.shape, _FIRST_NOISE, np.float32)
        self._at_s, self._learnt_s = at_s, at_s + LEARN_S

    def _follow(
        self,
        cells: npt.NDArray[np.float32],
        change: npt.NDArray[np.float32],
        deviation: npt.NDArray[np.float32],
        changed: npt.NDArray[np.bool_],
        elapsed_s: float,
    ) -> None:
        assert self._mean is not None  # noqa: S101 - for mypy
        is_as_before = np.abs(cells - self._recent) <= LEAST_STEP
        self._recent = self._recent + _share(elapsed_s, RECENT_S) * (cells - self._recent)
        self._settled_s = np.where(is_as_before, self._settled_s + np.float32(elapsed_s), np.float32(0))
        has_settled = self._settled_s > SETTLED_S
        pace = np.where(has_settled, _share(elapsed_s, ADOPTION_S), _share(elapsed_s, BACKGROUND_S))
        self._mean = self._mean + pace.astype(np.float32) * change
        # What moves is no noise, and must not blind its cell for what comes after it.
        step = _share(elapsed_s, NOISE_S) * (deviation - self._noise)
        self._noise = np.where(changed, self._noise, self._noise + step)


def _share(elapsed_s: float, follows_s: float) -> np.float32:
    """Of the way to a new value that an exponential average goes in that time."""
    return np.float32(1 - np.exp(-elapsed_s / follows_s))


def small(luma: GreyPicture) -> npt.NDArray[np.float32]:
    """The cells, (rows, `WIDTH` at most) float32."""
    height, width = luma.shape
    if width > 4 * WIDTH:  # every other pixel of a large picture says as much, at a quarter of the price
        luma = luma[::2, ::2]
    columns = min(WIDTH, width)
    rows = max(1, round(height * columns / width))
    return cv2.resize(luma, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
