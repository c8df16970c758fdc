"""Which of a camera's frames recognitions get: all while something moves, now and then one while nothing does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capture.motion import GreyPicture, MotionDetector
from capture.sampler import Pacer
from core.recognitions import RECOGNITIONS

HOLD_S = 5.0
"""The gate stays open so long after the last motion: who stops for a moment is still followed."""
LOOK_INTERVAL_S = 0.25
"""Between two looks; more would cost and tell nothing more."""
SHOW_FPS = 1.0
"""Frames that are stored although nobody recognises them, so that live pictures and snapshots go on."""


class MotionGate:
    """Of one stream; frames come in order of time. Not safe for threads."""

    def __init__(self) -> None:
        self.is_open = True
        """Whether something moves, or moved a moment ago."""
        self.motion_at: float | None = None
        """When something moved last, in seconds since the epoch."""
        self._detector = MotionDetector()
        self._looked_s = float("-inf")
        self._still: dict[str, Pacer] = {}
        self._show = Pacer(SHOW_FPS)

    def look(self, luma: GreyPicture, at_s: float) -> bool | None:
        """See a sampled frame.

        Returns:
            Whether something is known to move, which a new view is not; None: the last look is too young for another.
        """
        if 0 <= at_s - self._looked_s < LOOK_INTERVAL_S - 1e-3:
            return None
        self._looked_s = at_s
        moves = self._detector.look(luma, at_s)
        if moves:
            self.motion_at = at_s
        self.is_open = self.motion_at is not None and at_s - self.motion_at <= HOLD_S
        return moves and not self._detector.is_learning

    def passing(self, consumers: Sequence[str], rates: Mapping[str, float], at_s: float) -> list[str]:
        """Those of the consumers, whose turn it is, that get the frame of that time."""
        return [c for c in consumers if self._passes(c, rates.get(c, 0.0), at_s)]

    def shows(self, at_s: float) -> bool:
        """Whether a frame that nobody gets is stored all the same."""
        return self._show.take(at_s)

    def _passes(self, consumer: str, asked_fps: float, at_s: float) -> bool:
        recognition = RECOGNITIONS.get(consumer)
        if recognition is None or self.is_open or asked_fps <= recognition.still_fps:
            self._still.pop(consumer, None)
            return True
        if recognition.still_fps <= 0:
            return False
        pacer = self._still.setdefault(consumer, Pacer(recognition.still_fps))
        return pacer.take(at_s)
