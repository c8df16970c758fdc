"""Which packets to decode and which frames to take."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import median

IDLE_FPS = 0.2
"""Rate at which a camera of which nothing is asked still shows what it sees."""
KEY_RATE_TOLERANCE = 1.05
"""Key frames that come a little more seldom than asked are still those that are meant."""
_GOPS_REMEMBERED = 8
_SAME_FRAME_S = 0.001


class Pacer:
    """Picks frames evenly at a rate from a stream of another rate, on the stream's own clock.

    Frame k is the first that is less than half an interval before ``k / fps``. So jitter of up to half an interval
    loses nothing, and the mean rate is exact also where the stream's rate is no multiple of the one asked.
    """

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self._interval_s = 1 / fps
        self._due_s: float | None = None

    def take(self, at_s: float) -> bool:
        """Whether the frame of that time is one to take."""
        if self._due_s is None or not self._is_near(at_s):
            self._due_s = at_s
        if at_s < self._due_s - self._interval_s / 2:
            return False
        self._due_s += self._interval_s
        return True

    def restart(self) -> None:
        """The next frame is one to take, and the rate counts from it."""
        self._due_s = None

    def _is_near(self, at_s: float) -> bool:
        """False after a gap in the stream, and where its clock was set back."""
        assert self._due_s is not None  # noqa: S101 - for mypy
        return -self._interval_s <= self._due_s - at_s <= 2 * self._interval_s


class Sampler:
    """Decides for one stream; its consumers ask for frames at rates of their own.

    The stream is sampled at the highest rate asked, and each consumer gets its share of these frames. Where that rate
    is no higher than the rate of key frames, only key frames are decoded, and only those that are taken; otherwise all
    packets are, since each picture needs the ones before it. The mode changes at key frames only.
    """

    def __init__(self, rates: Mapping[str, float]) -> None:
        """``rates``: consumer → frames per second."""
        self.key_frames_only = False
        self._waits_for_key = True
        self._needs_all = False
        self._key_times_s: deque[float] = deque(maxlen=_GOPS_REMEMBERED + 1)
        self.set_rates(rates)

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """Change what is asked, without a break in the stream."""
        rates = {consumer: fps for consumer, fps in rates.items() if fps > 0}
        self.fps = max(rates.values(), default=IDLE_FPS)
        self._stream = Pacer(self.fps)
        # A consumer that wants every sampled frame needs no pacer: two of one rate could disagree about a frame.
        self._consumers = {c: Pacer(fps) if fps < self.fps else None for c, fps in rates.items()}

    @property
    def gop_s(self) -> float | None:
        """Measured seconds from one key frame to the next; None before two were seen."""
        # The median: the first key frame of RTSP has no timestamp, and some cameras stretch the GOP now and then.
        return median(b - a for a, b in pairwise(self._key_times_s)) if len(self._key_times_s) > 1 else None

    def wants(self, is_key: bool, at_s: float) -> bool:
        """Whether to decode this packet.

        Args:
            is_key: it is a key frame.
            at_s: its time on the stream's clock.
        """
        if is_key:
            self._note_key(at_s)
            gop_s = self.gop_s
            suffices = gop_s is not None and self.fps * gop_s <= KEY_RATE_TOLERANCE
            self.key_frames_only = suffices and not self._needs_all
            self._waits_for_key = False
        if self.key_frames_only:
            return is_key and self._stream.take(at_s)
        return not self._waits_for_key

    def take(self, at_s: float) -> bool:
        """Whether the decoded frame of that time is one to take."""
        return self.key_frames_only or self._stream.take(at_s)

    def take_at_once(self, at_s: float, consumers: Iterable[str]) -> None:
        """Take the decoded frame of that time, whether it is due or not; it is these consumers' next one."""
        self._stream.restart()
        self._stream.take(at_s)
        for consumer in consumers:
            if pacer := self._consumers.get(consumer):
                pacer.restart()

    def consumers(self, at_s: float) -> list[str]:
        """Who gets the frame that was taken."""
        return [c for c, pacer in self._consumers.items() if pacer is None or pacer.take(at_s)]

    def corrupt(self) -> None:
        """A packet or frame was damaged: what follows builds on it, up to the next key frame."""
        self._waits_for_key = True

    def key_frame_failed(self) -> None:
        """A key frame alone gave no picture: the camera spreads its refresh over several frames."""
        self._needs_all = True

    def restart(self) -> None:
        """A new connection: it begins with a key frame, and the GOP is measured anew."""
        self._waits_for_key = True
        self.key_frames_only = False
        self._needs_all = False
        self._key_times_s.clear()

    def _note_key(self, at_s: float) -> None:
        times_s = self._key_times_s
        if times_s and at_s < times_s[-1]:
            times_s.clear()
        if not times_s or at_s - times_s[-1] > _SAME_FRAME_S:  # a key frame of several slices comes as several packets
            times_s.append(at_s)
