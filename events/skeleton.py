"""What a pose says of how a body lies: the direction of its torso. Points in the order of COCO (17 of them)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.types import Keypoint

LEAST_SCORE = 0.3
"""Of a point that counts."""

SHOULDERS, HIPS = (5, 6), (11, 12)


def torso_degrees(points: Sequence[Keypoint] | None) -> float | None:
    """Angle of the torso, hips to shoulders, from straight up in the picture: 0 standing, 90 lying, 180 head down.

    None where not one shoulder and one hip are seen surely.
    """
    if points is None:
        return None
    shoulder, hip = _middle(points, SHOULDERS), _middle(points, HIPS)
    if shoulder is None or hip is None or shoulder == hip:
        return None
    return math.degrees(math.atan2(abs(shoulder[0] - hip[0]), hip[1] - shoulder[1]))


def _middle(points: Sequence[Keypoint], wanted: Sequence[int]) -> tuple[float, float] | None:
    seen = [points[i] for i in wanted if i < len(points) and points[i][2] >= LEAST_SCORE]
    if not seen:
        return None
    return sum(p[0] for p in seen) / len(seen), sum(p[1] for p in seen) / len(seen)
