"""When a picture was taken, from the timestamps of its stream and the time at which it arrived."""

from __future__ import annotations

MAX_LAG_S = 3.0
"""A packet later than this, by its timestamp, is no network hiccup: the stream's clock was set."""
MAX_GAP_S = 10.0
"""A longer step between two packets, or one back, is a new beginning."""
DRIFT_GAIN = 0.001
"""Share of the lag by which each packet moves the clock: a camera's crystal is off by 1e-4 at most."""


class StreamClock:
    """Maps timestamps of a stream to seconds since the epoch.

    A *live* stream is never early: the packet that came fastest tells the offset, later ones were delayed on their
    way. A *paced* one (a file, or the bursts of HLS) comes faster than real time: its packets are due at their
    timestamps.
    """

    def __init__(self, *, paced: bool) -> None:
        self._paced = paced
        self._offset_s: float | None = None
        self._last_s = 0.0

    def observe(self, stream_s: float | None, arrived_at: float) -> float:
        """When the packet was taken (live) or is due (paced).

        Args:
            stream_s: its decoding timestamp; None where it has none (the first one of RTSP).
            arrived_at: seconds since the epoch.
        """
        if stream_s is None:
            return arrived_at
        offset_s = self._offset_s
        step_s, self._last_s = stream_s - self._last_s, stream_s
        if offset_s is None or not -0.5 <= step_s <= MAX_GAP_S:
            offset_s = arrived_at - stream_s
        lag_s = arrived_at - stream_s - offset_s
        if lag_s > MAX_LAG_S or (lag_s < 0 and not self._paced):
            offset_s += lag_s
        elif not self._paced:
            offset_s += lag_s * DRIFT_GAIN
        self._offset_s = offset_s
        return stream_s + offset_s

    def time_of(self, stream_s: float | None, otherwise: float) -> float:
        """When the picture with that presentation timestamp was taken."""
        if stream_s is None or self._offset_s is None:
            return otherwise
        return stream_s + self._offset_s
