"""A pinhole camera and flat-shaded polygons: enough of a renderer for a street.

World coordinates are metres: x to the right, y up, z away from the camera's foot point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from core.types import Picture

Points = npt.NDArray[np.float64]
"""(n, 3) metres."""
Colour = tuple[int, int, int]
"""BGR."""

SUN = np.array([-0.42, 0.78, -0.46])
"""Unit vector towards the light."""
HAZE: Colour = (236, 224, 208)
_HAZE_DISTANCE_M = 260.0
_NEAREST_M = 0.4
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the pictures are taken from."""

    position: tuple[float, float, float]
    yaw_deg: float
    """To the right."""
    pitch_deg: float
    """Down."""
    focal_px: float
    width: int
    height: int

    def enlarged(self, factor: int) -> Camera:
        """The same view with more pixels."""
        return replace(self, focal_px=self.focal_px * factor, width=self.width * factor, height=self.height * factor)

    def seen(self, points: Points) -> Points:
        """(n, 3) world to (n, 3) camera coordinates."""
        yaw, pitch = math.radians(self.yaw_deg), math.radians(self.pitch_deg)
        turn = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
        tilt = np.array([[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]])
        seen: Points = (points - np.array(self.position)) @ (tilt @ turn).T
        return seen

    def project(self, points: Points) -> npt.NDArray[np.float64]:
        """(n, 3) camera coordinates to (n, 2) pixels."""
        scale = self.focal_px / points[:, 2:]
        return points[:, :2] * scale * (1, -1) + (self.width / 2, self.height / 2)


def polygon(*corners: Sequence[float]) -> Points:
    """Corner points as an array."""
    return np.array(corners, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture being painted, as a camera sees it; what comes later covers what came before."""

    picture: Picture
    camera: Camera

    def fill(self, corners: Points, colour: Colour) -> None:
        """Paint a convex polygon, hazier the farther it is."""
        seen = _cut_near(self.camera.seen(corners))
        if len(seen) < 3:
            return
        fog = 1 - math.exp(-float(seen[:, 2].mean()) / _HAZE_DISTANCE_M)
        pixels = np.round(self.camera.project(seen) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillConvexPoly(self.picture, pixels, mix(colour, HAZE, fog), cv2.LINE_AA, _SUBPIXEL_BITS)

    def fill_solid(self, corners: Points, colour: Colour) -> None:
        """Paint one face of a solid: lit by the sun, and left out where it is turned away.

        Seen from outside its corners run clockwise.
        """
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[1])
        if normal @ (np.array(self.camera.position) - corners[0]) <= 0:
            return
        light = 0.62 + 0.42 * max(0.0, float(normal @ SUN) / float(np.linalg.norm(normal)))
        self.fill(corners, mix((0, 0, 0), colour, light))

    def paste(self, corners: Points, texture: Picture) -> None:
        """Paint a picture onto a quadrilateral (top left, top right, bottom right, bottom left)."""
        seen = self.camera.seen(corners)
        if float(seen[:, 2].min()) < _NEAREST_M:
            return
        target = self.camera.project(seen)
        left, top = (int(v) for v in np.maximum(np.floor(target.min(axis=0)) - 1, 0))
        limits = (self.camera.width, self.camera.height)
        right, bottom = (int(v) for v in np.minimum(np.ceil(target.max(axis=0)) + 2, limits))
        if right <= left or bottom <= top:
            return
        texture = _shrunk_to(texture, float(np.linalg.norm(target[1] - target[0])))
        height, width = texture.shape[:2]
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32) - 0.5
        warp = cv2.getPerspectiveTransform(source, (target - (left, top)).astype(np.float32))
        size = (right - left, bottom - top)
        colour = cv2.warpPerspective(texture, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.warpPerspective(np.ones((height, width), np.float32), warp, size)[..., None]
        region = self.picture[top:bottom, left:right]
        region[:] = np.round(region * (1 - cover) + colour * cover).astype(np.uint8)


def moved(corners: Points, x: float, y: float, z: float) -> Points:
    """The corners, shifted by so many metres."""
    there: Points = corners + np.array([x, y, z])
    return there


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``share`` of the second colour in the first; more than 1 brightens."""
    b, g, r = (min(255, max(0, round(a + (z - a) * share))) for a, z in zip(first, second, strict=True))
    return b, g, r


def _shrunk_to(texture: Picture, shown_px: float) -> Picture:
    """Warping does not average: a texture is first made about as small as it will be seen."""
    width = max(4, round(shown_px * 1.25))
    if width >= texture.shape[1]:
        return texture
    height = max(2, round(width * texture.shape[0] / texture.shape[1]))
    return cv2.resize(texture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _cut_near(seen: Points) -> Points:
    """What of a polygon lies before the camera (Sutherland and Hodgman 1974, one plane)."""
    kept = []
    for start, end in zip(seen, np.roll(seen, -1, axis=0), strict=True):
        if start[2] >= _NEAREST_M:
            kept.append(start)
        if (start[2] >= _NEAREST_M) != (end[2] >= _NEAREST_M):
            kept.append(start + (end - start) * (_NEAREST_M - start[2]) / (end[2] - start[2]))
    return np.array(kept).reshape(-1, 3)
