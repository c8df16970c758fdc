"""When the key frames of a stream come."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from statistics import median

_REMEMBERED = 8
_NEEDED = 4
"""So many groups of pictures of one length, the newest ones, make a stream regular."""
_REGULAR_WITHIN = 0.05
_SAME_FRAME_S = 0.001


class Gops:
    """The last groups of pictures, by the times of the key frames that begin them."""

    def __init__(self) -> None:
        self._key_times_s: deque[float] = deque(maxlen=_REMEMBERED + 1)
        self.length_s: float | None = None
        """Measured seconds from one key frame to the next; None before two were seen."""
        self.next_key_s: float | None = None
        """When the next key frame will come; None where they come irregularly, or too few were seen."""

    def note_key(self, at_s: float) -> bool:
        """A key frame's packet came; returns whether a group begins with it."""
        times_s = self._key_times_s
        if times_s and at_s < times_s[-1]:
            times_s.clear()
        # A key frame of several slices comes as several packets.
        begins = not times_s or at_s - times_s[-1] > _SAME_FRAME_S
        if begins:
            times_s.append(at_s)
            self._measure()
        return begins

    def clear(self) -> None:
        """A new connection."""
        self._key_times_s.clear()
        self._measure()

    def _measure(self) -> None:
        """Once for each group: whoever decides about packets asks for each of them."""
        lengths_s = [b - a for a, b in pairwise(self._key_times_s)]
        # The median: the first key frame of RTSP has no timestamp, and some cameras stretch the GOP now and then.
        self.length_s = median(lengths_s) if lengths_s else None
        self.next_key_s = None
        if self.length_s is not None and len(lengths_s) >= _NEEDED:
            most_s = _REGULAR_WITHIN * self.length_s
            if all(abs(length_s - self.length_s) <= most_s for length_s in lengths_s[-_NEEDED:]):
                self.next_key_s = self._key_times_s[-1] + self.length_s
