"""Which of a camera's frames recognitions get: all while something moves, now and then one while nothing does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capture.motion import GreyPicture, MotionDetector
from capture.sampler import Pacer
from core.recognitions import EMPTY_FPS, RECOGNITIONS, Recognition

HOLD_S = 5.0
"""The gate stays open so long after the last motion: who stops for a moment is still followed."""
LOOK_INTERVAL_S = 0.25
"""Between two looks; more would cost and tell nothing more."""
MOVING_LOOK_INTERVAL_S = 0.95
"""After a look that saw motion: the gate is open for some time anyway, and the machine has most to do then. Looks fall
in step with frames that are taken once a second, and the decoder can rest from the last one to the next key frame."""
OCCUPIED_S = 30.0
"""Somebody who was seen is there for so long, though nothing moves and some frames in between showed nothing."""
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
        self._interval_s = LOOK_INTERVAL_S
        self._still: dict[str, Pacer] = {}
        self._show = Pacer(SHOW_FPS)

    @property
    def looks_at_s(self) -> float:
        """From when on the next look is due."""
        return self._looked_s + self._interval_s

    def wants(self, at_s: float) -> bool:
        """Whether to look at the decoded frame of that time: the last look is old enough."""
        return not 0 <= at_s - self._looked_s < self._interval_s - 1e-3

    def look(self, luma: GreyPicture, at_s: float) -> bool:
        """Whether something is known to move, which a new view is not."""
        self._looked_s = at_s
        moves = self._detector.look(luma, at_s)
        if moves:
            self.motion_at = at_s
        self.is_open = self.motion_at is not None and at_s - self.motion_at <= HOLD_S
        is_motion = moves and not self._detector.is_learning
        self._interval_s = MOVING_LOOK_INTERVAL_S if is_motion else LOOK_INTERVAL_S
        return is_motion

    def passing(
        self, consumers: Sequence[str], rates: Mapping[str, float], at_s: float, seen_at: Mapping[str, float] | None
    ) -> list[str]:
        """Those of the consumers, whose turn it is, that get the frame of that time.

        Args:
            consumers: whose turn it is.
            rates: consumer → frames per second that it asked for.
            at_s: when the frame was captured, in seconds since the epoch.
            seen_at: recognition → when it saw something last; None: not known, and so taken for occupied.
        """
        return [c for c in consumers if self._passes(c, rates.get(c, 0.0), at_s, seen_at)]

    def shows(self, at_s: float) -> bool:
        """Whether a frame that nobody gets is stored all the same."""
        return self._show.take(at_s)

    def _passes(self, consumer: str, asked_fps: float, at_s: float, seen_at: Mapping[str, float] | None) -> bool:
        recognition = RECOGNITIONS.get(consumer)
        if recognition is None or self.is_open:
            self._still.pop(consumer, None)
            return True
        fps = _still_fps(recognition, at_s, seen_at)
        if asked_fps <= fps:
            return True
        if fps <= 0:
            return False
        pacer = self._still.get(consumer)
        if pacer is None or pacer.fps != fps:
            pacer = self._still[consumer] = Pacer(fps)
        return pacer.take(at_s)


def _still_fps(recognition: Recognition, at_s: float, seen_at: Mapping[str, float] | None) -> float:
    is_occupied = seen_at is None or at_s - seen_at.get(recognition.kind, float("-inf")) < OCCUPIED_S
    return recognition.still_fps if is_occupied else min(recognition.still_fps, EMPTY_FPS)
