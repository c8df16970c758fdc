"""Which packets to decode and which frames to take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from capture.gops import Gops

IDLE_FPS = 0.2
"""Rate at which a camera of which nothing is asked still shows what it sees."""
KEY_RATE_TOLERANCE = 1.05
"""Key frames that come a little more seldom than asked are still those that are meant."""
_WHOLE_WITHIN = 0.05
"""So near to a whole number, as a share of them, frames of a group fall in step with key frames."""
_EARLY = 0.1
"""Of an interval: so much earlier than due the frames after a key frame may be taken, for the sake of the next one."""
_LEAST_REST_S = 0.5
"""Less is not worth a decoder that begins anew."""
_LOOK_LATE_S = 0.2
"""So much later than due, at a key frame, somebody may look: looks once a second fall in step with key frames then."""
_LATE_S = 0.5
"""A key frame that is later than that is not waited for: what was left out is decoded after all."""
_MOST_FAILED_RESUMES = 2
"""In a row; the one may be a damaged packet. A key frame that is not shown is none, and one is enough."""


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
        if at_s < self.next_s:
            return False
        self._due_s += self._interval_s
        return True

    def restart(self) -> None:
        """The next frame is one to take, and the rate counts from it."""
        self._due_s = None

    def align(self, at_s: float) -> None:
        """The frames to take are that of this time, unless one before it is near, and those each an interval later."""
        is_taken = at_s >= self.next_s - self._interval_s / 4
        # A little early, so that the next one to align with is not too late for its own turn.
        self._due_s = at_s + self._interval_s * ((0.5 if is_taken else 1.5) - _EARLY)

    @property
    def next_s(self) -> float:
        """From when on the next frame is one to take."""
        return float("-inf") if self._due_s is None else self._due_s - self._interval_s / 2

    def _is_near(self, at_s: float) -> bool:
        """False after a gap in the stream, and where its clock was set back."""
        assert self._due_s is not None  # noqa: S101 - for mypy
        return -self._interval_s <= self._due_s - at_s <= 2 * self._interval_s


class Sampler:
    """Decides for one stream; its consumers ask for frames at rates of their own.

    The stream is sampled at the highest rate asked, and each consumer gets its share of these frames. Where that rate
    is no higher than the rate of key frames, only key frames are decoded, and only those that are taken. Otherwise all
    packets are, since each picture needs the ones before it, up to the last picture of a group that is wanted: from
    there to the next key frame the decoder rests. The mode changes at key frames only.
    """

    def __init__(self, rates: Mapping[str, float]) -> None:
        """``rates``: consumer → frames per second."""
        self.key_frames_only = False
        self._waits_for_key = True
        self._needs_all = False
        self._gops = Gops()
        self.rests = False
        """The packet that `wants` was asked for last is of use only if the next key frame does not come in time."""
        self._failed_resumes = 0
        self.has_rested = False
        """The packet that `wants` was asked for last is a key frame, and those before it were not decoded."""
        self._is_resuming = False
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
        return self._gops.length_s

    def wants(self, is_key: bool, at_s: float, looks_at_s: float = float("inf")) -> bool:
        """Whether to decode this packet.

        Args:
            is_key: it is a key frame.
            at_s: its time on the stream's clock.
            looks_at_s: from when on somebody looks at decoded frames besides.
        """
        self.has_rested = is_key and self.rests
        if is_key:
            self._begin_gop(at_s)
        if self.key_frames_only:
            return is_key and self._stream.take(at_s)
        if not is_key:
            self.rests = not self._waits_for_key and self._may_leave_out(at_s, looks_at_s)
        return not self._waits_for_key and not self.rests

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
        if self._is_resuming:  # perhaps it was not damaged, but built on what was not decoded
            self._failed_resumes += 1
            self._is_resuming = False
        self._waits_for_key = True

    def resumed(self, is_key_shown: bool) -> None:
        """The first picture after a rest: the key frame, or a later one, since it is spread over several frames."""
        if self._is_resuming:
            self._failed_resumes = 0 if is_key_shown else _MOST_FAILED_RESUMES
            self._is_resuming = False

    def key_frame_failed(self) -> None:
        """A key frame gave no picture without those before it: the camera spreads its refresh over several frames."""
        self._needs_all = True

    def restart(self) -> None:
        """A new connection: it begins with a key frame, and the GOP is measured anew."""
        self._waits_for_key = True
        self.key_frames_only = False
        self._needs_all = False
        self.rests, self._failed_resumes, self._is_resuming = False, 0, False
        self._gops.clear()

    def _begin_gop(self, at_s: float) -> None:
        if not self._gops.note_key(at_s):
            return
        gop_s = self._gops.length_s
        suffices = gop_s is not None and self.fps * gop_s <= KEY_RATE_TOLERANCE
        self.key_frames_only = suffices and not self._needs_all
        self._waits_for_key = False
        self._is_resuming = self.rests
        self.rests = False
        if not self.key_frames_only and self._can_align():
            self._stream.align(at_s)

    def _can_align(self) -> bool:
        """Each group of pictures holds as many frames to take as every other, and after the last one a rest."""
        gop_s = self._gops.length_s
        if self._must_not_rest or gop_s is None or self._gops.next_key_s is None or 1 / self.fps < _LEAST_REST_S:
            return False
        frames = self.fps * gop_s
        return abs(frames - round(frames)) <= _WHOLE_WITHIN * frames

    @property
    def _must_not_rest(self) -> bool:
        return self._needs_all or self._failed_resumes >= _MOST_FAILED_RESUMES

    def _may_leave_out(self, at_s: float, looks_at_s: float) -> bool:
        """Whether nobody wants a picture before the next key frame, which comes in time."""
        next_key_s = self._gops.next_key_s
        if next_key_s is None or self._must_not_rest:
            return False
        if self.rests:
            return at_s <= next_key_s + _LATE_S
        # Aligned frames are due by `_EARLY` before the key frame, and the jitter of its time comes on top.
        is_taken = self._stream.next_s >= next_key_s - 1.5 * _EARLY / self.fps
        return is_taken and looks_at_s >= next_key_s - _LOOK_LATE_S and next_key_s - at_s >= _LEAST_REST_S
