"""What a pose says of how a body lies: the direction of its torso. Points in the order of COCO (17 of them)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.types import Keypoint
from events.geometry import Point

LEAST_SCORE = 0.3
"""Of a point that counts."""

SHOULDERS, HIPS, ANKLES = (5, 6), (11, 12), (15, 16)

DOWNWARDS_DEG = 100.0
"""From this angle on the torso points down in the picture."""


def torso_degrees(points: Sequence[Keypoint] | None) -> float | None:
    """Angle of the torso, hips to shoulders, from straight up in the picture: 0 standing, 90 lying, 180 head down.

    None where not one shoulder and one hip are seen surely.
    """
    ends = _ends(points, HIPS, SHOULDERS)
    return ends and _degrees(*ends)


def torso_length(points: Sequence[Keypoint] | None) -> float | None:
    """Pixels from hips to shoulders; None as `torso_degrees`."""
    ends = _ends(points, HIPS, SHOULDERS)
    return ends and math.dist(*ends)


def is_upended(points: Sequence[Keypoint] | None) -> bool:
    """Whether the head is lowest in the picture and the feet are highest: somebody who lies with the head towards us.

    Who bends down has the head below the hips, too, but the hips above the feet.
    """
    torso_deg, legs = torso_degrees(points), _ends(points, ANKLES, HIPS)
    return torso_deg is not None and torso_deg >= DOWNWARDS_DEG and legs is not None and _degrees(*legs) >= 90


def _ends(points: Sequence[Keypoint] | None, first: Sequence[int], second: Sequence[int]) -> tuple[Point, Point] | None:
    """The middles of two pairs of points, where both are seen and differ."""
    a, b = _middle(points or (), first), _middle(points or (), second)
    return None if a is None or b is None or a == b else (a, b)


def _degrees(lower: Point, upper: Point) -> float:
    return math.degrees(math.atan2(abs(upper[0] - lower[0]), lower[1] - upper[1]))


def _middle(points: Sequence[Keypoint], wanted: Sequence[int]) -> Point | None:
    seen = [points[i] for i in wanted if i < len(points) and points[i][2] >= LEAST_SCORE]
    if not seen:
        return None
    return sum(p[0] for p in seen) / len(seen), sum(p[1] for p in seen) / len(seen)
