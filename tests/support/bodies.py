"""People who move as bodies do, seen by a camera: boxes and poses of scenes of which there is no footage.

A body is a chain of segments with the lengths that Drillis and Contini (1966, in Winter, Biomechanics and Motor Control
of Human Movement) give as shares of the stature. A pinhole camera looks at it. Metres and seconds, z upwards.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from core.types import Box, Detection, Keypoint

Points = npt.NDArray[np.float64]

STATURE_M = 1.72
SHANK, THIGH, TORSO, NECK, ARM = (STATURE_M * share for share in (0.246, 0.245, 0.288, 0.118, 0.332))
SHOULDER_HALF, HIP_HALF = 0.129 * STATURE_M, 0.0955 * STATURE_M
RADII_M = np.array([0.11] + [0.08] * 4 + [0.09] * 2 + [0.06] * 2 + [0.05] * 2 + [0.12] * 2 + [0.07] * 2 + [0.08] * 2)
"""Half the thickness of a body around each of COCO's 17 points."""


@dataclass(frozen=True)
class Posture:
    """Degrees from straight up, forwards positive: ankle to knee, knee to hip, hip to shoulder, shoulder to hand."""

    shank: float = 0.0
    thigh: float = 0.0
    torso: float = 0.0
    arm: float = 180.0
    roll: float = 0.0
    """Of the whole body to its left."""


STANDING = Posture()
ON_CHAIR = Posture(0, -90, 5, 120)
CROUCHING = Posture(30, -110, 25, 130)
TYING_SHOES = Posture(30, -105, 65, 170)
KNEELING = Posture(-85, 5, 10, 150)
BENDING = Posture(-5, 10, 95, 175)
ON_FLOOR = Posture(-60, -115, 5, 160)
ON_BACK = Posture(-90, -90, -90, 80)
PRONE = Posture(90, 90, 90, 60)
ON_SIDE = Posture(10, -20, 10, 120, roll=90)


@dataclass(frozen=True)
class Moment:
    """Where a body is at a time, and how; between two of them it moves evenly."""

    at_s: float
    posture: Posture
    x_m: float = 0.0
    """To the right of the camera's axis."""
    y_m: float = 0.0
    """Beyond the middle of the scene."""


@dataclass(frozen=True)
class Camera:
    """A pinhole that looks down by `tilt_deg` from `height_m`, `distance_m` before the middle of the scene."""

    height_m: float
    tilt_deg: float
    distance_m: float
    width: int = 640
    height: int = 480
    focal: float = 420.0

    def project(self, points: Points) -> tuple[Points, Points]:
        """(K, 3) metres to (K, 2) pixels, and pixels a metre at each point."""
        tilt = math.radians(self.tilt_deg)
        forward, up = points[:, 1] + self.distance_m, points[:, 2] - self.height_m
        depth = np.maximum(forward * math.cos(tilt) - up * math.sin(tilt), 0.2)
        rise = forward * math.sin(tilt) + up * math.cos(tilt)
        scale = self.focal / depth
        return np.stack([self.width / 2 + scale * points[:, 0], self.height / 2 - scale * rise], axis=1), scale


def body(moment: Moment, facing_deg: float) -> Points:
    """(17, 3): the points of COCO; facing 0 is towards the camera, 90 to its right. The lowest one is on the floor."""
    posture = moment.posture
    knee = _along(posture.shank, SHANK)
    hip = knee + _along(posture.thigh, THIGH)
    shoulder = hip + _along(posture.torso, TORSO)
    head = shoulder + _along(posture.torso, NECK)
    elbow, hand = shoulder + _along(posture.arm, 0.56 * ARM), shoulder + _along(posture.arm, ARM)
    pairs = [(shoulder, SHOULDER_HALF), (elbow, SHOULDER_HALF), (hand, SHOULDER_HALF), (hip, HIP_HALF)]
    pairs += [(knee, HIP_HALF), (np.zeros(3), HIP_HALF)]
    sides = [at + np.array([0, side * half, 0]) for at, half in pairs for side in (1, -1)]
    points: Points = np.array([head, *[head] * 4, *sides])
    points = points @ _rotation(1, 2, posture.roll).T @ _rotation(0, 1, facing_deg - 90).T
    points[:, 2] -= (points[:, 2] - RADII_M).min()
    points += np.array([moment.x_m, moment.y_m, 0])
    return points


def seen(
    camera: Camera, moment: Moment, facing_deg: float, rng: random.Random, shake: float = 0.02
) -> Detection | None:
    """What a detector and a pose model tell of it; None: out of the picture. Boxes and points shake by that share."""
    pixels, scale = camera.project(body(moment, facing_deg))
    radii = (RADII_M * scale)[:, None]
    low, high = (pixels - radii).min(axis=0), (pixels + radii).max(axis=0)
    amount = shake * float(max(high - low))
    x1, y1, x2, y2 = (float(v) + rng.gauss(0, amount) for v in (*low, *high))
    box: Box = max(0.0, x1), max(0.0, y1), min(float(camera.width), x2), min(float(camera.height), y2)
    if box[2] <= box[0] or box[3] <= box[1]:
        return None
    points: list[Keypoint] = [
        (x + rng.gauss(0, amount), y + rng.gauss(0, amount), 0.8 if _inside(x, y, box) else 0.1) for x, y in pixels
    ]
    return Detection("person", 0.8, box, keypoints=tuple(points))


def at(moments: Sequence[Moment], at_s: float) -> Moment:
    """The moment between those given."""
    for a, b in pairwise(moments):
        if a.at_s <= at_s <= b.at_s:
            share = (at_s - a.at_s) / (b.at_s - a.at_s)
            angles = [p + share * (q - p) for p, q in zip(astuple(a.posture), astuple(b.posture), strict=True)]
            x, y = (p + share * (q - p) for p, q in ((a.x_m, b.x_m), (a.y_m, b.y_m)))
            return Moment(at_s, Posture(*angles), x, y)
    return moments[-1]


def _along(degrees: float, length: float) -> Points:
    """A segment in the plane of walking: x forwards, z up."""
    angle = math.radians(degrees)
    return np.array([math.sin(angle) * length, 0.0, math.cos(angle) * length])


def _rotation(a: int, b: int, degrees: float) -> Points:
    """About the axis that is neither a nor b, from a to b."""
    matrix = np.eye(3)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = cosine, -sine, sine, cosine
    return matrix


def _inside(x: float, y: float, box: Box) -> bool:
    return bool(box[0] <= x <= box[2] and box[1] <= y <= box[3])
