"""Timestamps of a camera → timestamps that grow, in step with the real time."""

from __future__ import annotations

from typing import NamedTuple

from capture.recorder.access_units import TICKS_PER_S, Picture

MAX_STEP_S = 10.0
"""A longer step from one picture to the next, or one back, is no step of a clock: it was set."""
SMALL_STEP_BACK_S = 0.5
"""Pictures out of order by no more are put one tick after the other."""
MAX_REORDER_S = 5.0
"""No encoder shows a picture that long after it was decoded."""
_MAX_STEP, _SMALL_STEP_BACK, _MAX_REORDER = (
    round(seconds * TICKS_PER_S) for seconds in (MAX_STEP_S, SMALL_STEP_BACK_S, MAX_REORDER_S)
)
_WRAPS = (1 << 32, 1 << 33)
"""Widths of the timestamps of RTP (RFC 3550, 5.1) and MPEG-TS (ISO/IEC 13818-1, 2.4.3.7)."""


class Place(NamedTuple):
    """Where a picture stands, in ticks from the first picture of the connection."""

    dts: int
    pts: int
    is_jump: bool = False
    """The camera's clock was set, or pictures are missing: the time since the picture before is by our own clock."""


class Timeline:
    """The timestamps of one connection."""

    def __init__(self) -> None:
        self._offset = 0
        self._last: int | None = None
        self._last_at_s = 0.0

    def place(self, picture: Picture) -> Place:
        """Where the next picture in the order of decoding stands."""
        last, is_jump = self._last, False
        if last is None:
            self._offset = -(picture.dts or 0)
            dts = 0
        elif picture.dts is None:
            dts = last + self._waited(picture)
        else:
            dts = picture.dts + self._offset
            if not -_SMALL_STEP_BACK <= dts - last <= _MAX_STEP:
                wrap = next((w for w in _WRAPS if 0 < dts + w - last <= _MAX_STEP), None)
                is_jump = wrap is None
                moved = last + self._waited(picture) if wrap is None else dts + wrap
                self._offset += moved - dts
                dts = moved
            if dts <= last:
                dts = last + 1
        self._last, self._last_at_s = dts, picture.at_s
        return Place(dts, self._shown(picture, dts), is_jump)

    def of_other_stream(self, ticks: int) -> int:
        """Where a timestamp of another stream of the same connection stands."""
        return ticks + self._offset

    def _waited(self, picture: Picture) -> int:
        """Since the picture before, by our own clock."""
        return round(min(max(picture.at_s - self._last_at_s, 0.0), MAX_STEP_S) * TICKS_PER_S)

    def _shown(self, picture: Picture, dts: int) -> int:
        if picture.pts is None or picture.dts is None:
            return dts
        delay = picture.pts - picture.dts
        return dts + delay if 0 <= delay <= _MAX_REORDER else dts
