"""Whether anything moves in a camera's picture: recognition is to cost by what happens, not by the number of cameras.

A running average of each cell of a small grey picture is the background. A cell has changed where it is farther from it
than its own noise explains; a few changed cells beside each other are motion. The average follows within seconds, so
that what comes to rest becomes background, while whatever moves, however slowly, keeps changing the cells at its edges.
(Compare Wren et al., Pfinder: Real-time tracking of the human body, 1997: a Gaussian for each pixel.)
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from capture.osd_mask import OsdMask

GreyPicture = npt.NDArray[np.uint8]
"""(height, width) uint8: the luma plane of a frame."""

WIDTH = 160
"""Cells across. A cell averages the noise of its pixels away."""
BACKGROUND_S = 5.0
"""Time in which the average follows a change."""
RECENT_S = 1.0
SETTLED_S = 2.0
"""A cell that has stayed as it was for so long is background, however different it was before: who parks, or
leaves an empty place behind, is not motion for long. What moves slowly does not settle: its edges keep changing."""
LEAST_DRIFT = 1.5
"""Levels of grey from where it was: a cell whose average of the last second is farther away has not stayed."""
DRIFT_NOISE_FACTOR = 2.0
"""Of the mean deviation, where that is more."""
ADOPTION_S = 0.8
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
        self._recent = self._anchor = self._noise = self._settled_s = np.empty((0, 0), np.float32)
        self._osd = OsdMask((0, 0))
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
        # Brighter or darker as a whole is the sun or the camera's exposure. (A quarter of the cells says it as well.)
        deviation = np.abs(change - float(np.median(change[::2, ::2])))
        changed = deviation > np.maximum(LEAST_STEP, NOISE_FACTOR * self._noise)
        self._follow(self._mean, cells, deviation, changed, elapsed_s)
        self.is_learning = at_s < self._learnt_s
        if changed.mean() > CUT_SHARE:
            self._learn(cells, at_s)
            self.is_learning = False
        changed &= ~self._osd.note(changed, elapsed_s)
        beside = cv2.filter2D(changed.astype(np.float32), -1, _KERNEL, borderType=cv2.BORDER_CONSTANT)
        return self.is_learning or bool(beside.max() >= LEAST_CELLS)

    def _learn(self, cells: npt.NDArray[np.float32], at_s: float) -> None:
        if self._osd.shape != cells.shape:  # a clock stays where it is when the camera is turned
            self._osd = OsdMask(cells.shape)
        self._mean, self._recent, self._anchor = cells, cells.copy(), cells.copy()
        self._settled_s = np.zeros(cells.shape, np.float32)
        self._noise = np.full(cells.shape, _FIRST_NOISE, np.float32)
        self._at_s, self._learnt_s = at_s, at_s + LEARN_S

    def _follow(
        self,
        mean: npt.NDArray[np.float32],
        cells: npt.NDArray[np.float32],
        deviation: npt.NDArray[np.float32],
        changed: npt.NDArray[np.bool_],
        elapsed_s: float,
    ) -> None:
        cv2.accumulateWeighted(cells, self._recent, _share(elapsed_s, RECENT_S))
        drift = np.abs(self._recent - self._anchor)
        has_drifted = drift > np.maximum(LEAST_DRIFT, DRIFT_NOISE_FACTOR * self._noise)
        # It stands fast: whatever followed would never be far from what comes slowly.
        np.copyto(self._anchor, self._recent, where=has_drifted)
        self._settled_s += elapsed_s
        self._settled_s[has_drifted] = 0
        has_settled = self._settled_s > SETTLED_S
        cv2.accumulateWeighted(cells, mean, _share(elapsed_s, BACKGROUND_S))
        cv2.accumulateWeighted(cells, mean, _share(elapsed_s, ADOPTION_S), has_settled.astype(np.uint8))
        # What moves or drifts is no noise, and must not blind its cell for what comes after it.
        is_calm = ~(changed | has_drifted)
        cv2.accumulateWeighted(deviation, self._noise, _share(elapsed_s, NOISE_S), is_calm.astype(np.uint8))


def _share(elapsed_s: float, follows_s: float) -> float:
    """Of the way to a new value that an exponential average goes in that time."""
    return 1 - math.exp(-elapsed_s / follows_s)


def small(luma: GreyPicture) -> npt.NDArray[np.float32]:
    """The cells, (rows, `WIDTH` at most) float32."""
    height, width = luma.shape
    columns = min(WIDTH, width)
    rows = max(1, round(height * columns / width))
    picture: MatLike = luma
    while width >= 2 * columns and height >= 2 * rows:  # OpenCV halves six times as fast as it shrinks to a quarter
        width, height = width // 2, height // 2
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
