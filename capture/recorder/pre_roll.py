"""The last seconds of a stream, in memory: what was before an event."""

from __future__ import annotations

from collections import deque

from capture.recorder.arrival import Arrival

DECISION_S = 10.0
"""Events are decided so long after they began, at most: this much more is held back."""
MAX_BYTES = 48_000_000
"""For one camera: 20 s of 16 Mbit/s and then some."""


class PreRoll:
    """Groups of pictures, the oldest of which go first. Not safe for threads."""

    def __init__(self, pre_s: float, max_bytes: int = MAX_BYTES) -> None:
        self._held_s = pre_s + DECISION_S
        self._max_bytes = max_bytes
        self._groups: deque[list[Arrival]] = deque()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """Of the packets in it."""
        return self._bytes

    def add(self, arrival: Arrival) -> None:
        """Put a packet in; what is before the first key frame is left out."""
        groups = self._groups
        if groups and groups[-1][-1].connection is not arrival.connection:
            self.clear()
        if arrival.starts_group and not (groups and _is_same_picture(groups[-1][-1], arrival)):
            groups.append([])
        elif not groups:
            return
        groups[-1].append(arrival)
        self._bytes += arrival.packet.size
        while groups and (
            self._bytes > self._max_bytes or (len(groups) > 1 and arrival.at_s - groups[1][0].at_s > self._held_s)
        ):
            self._bytes -= sum(a.packet.size for a in groups.popleft())

    def take(self, from_s: float, until_s: float) -> list[Arrival]:
        """Take out everything from the group with that time on; empty where all of it is later than the other time."""
        groups = self._groups
        while len(groups) > 1 and groups[1][0].at_s <= from_s:
            groups.popleft()
        taken = [arrival for group in groups for arrival in group if group[0].at_s < until_s]
        self.clear()
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._groups.clear()
        self._bytes = 0


def _is_same_picture(last: Arrival, arrival: Arrival) -> bool:
    """Slices of one key frame may come as packets of their own."""
    return last.starts_group and last.packet.dts is not None and last.packet.dts == arrival.packet.dts
