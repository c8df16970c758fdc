"""A Kalman filter for a point that keeps its velocity (Kalman, 1960), for any and changing time between sights.

Both axes have the same noise, so that they share one covariance of position and velocity. Noise is given in sizes of
the thing (see `events.tracker`), so that near and far things are followed alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from events.geometry import Point

JITTER_SIZES = 0.1
"""Standard deviation of a detected centre."""

SPEED_SIZES_PER_S = 1.5
"""Standard deviation of the speed of something new: a person who walks."""

ACCELERATION_SIZES_PER_S2 = 0.5
"""Standard deviation of the acceleration: a person who sets off, stops or turns round."""


@dataclass(slots=True)
class Motion:
    """Where a point is and where it goes, as far as its sights tell."""

    position: Point
    """Pixels."""
    velocity: Point
    """Pixels a second."""
    covariance: tuple[float, float, float]
    """Of one axis: position and position (px²), position and velocity (px²/s), velocity and velocity (px²/s²)."""

    @classmethod
    def begin(cls, position: Point, size: float) -> Self:
        """From the first sight of a thing of that size, in pixels."""
        return cls(position, (0.0, 0.0), ((JITTER_SIZES * size) ** 2, 0.0, (SPEED_SIZES_PER_S * size) ** 2))

    def ahead(self, elapsed_s: float) -> Point:
        """Where it is expected after that time."""
        (x, y), (vx, vy) = self.position, self.velocity
        return x + vx * elapsed_s, y + vy * elapsed_s

    def correct(self, seen: Point, size: float, elapsed_s: float) -> None:
        """Take a sight of it, that time after the last one."""
        t, noise = elapsed_s, (ACCELERATION_SIZES_PER_S2 * size) ** 2
        pp, pv, vv = self.covariance
        pp += 2 * pv * t + vv * t**2 + noise * t**4 / 4
        pv += vv * t + noise * t**3 / 2
        vv += noise * t**2
        total = pp + (JITTER_SIZES * size) ** 2
        gain, rate = pp / total, pv / total
        (x, y), (vx, vy) = self.ahead(t), self.velocity
        dx, dy = seen[0] - x, seen[1] - y
        self.position = x + gain * dx, y + gain * dy
        self.velocity = vx + rate * dx, vy + rate * dy
        self.covariance = (1 - gain) * pp, (1 - gain) * pv, vv - rate * pv

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`."""
        (x, y), (vx, vy), (pp, pv, vv) = plain["position"], plain["velocity"], plain["covariance"]
        return cls((x, y), (vx, vy), (pp, pv, vv))
