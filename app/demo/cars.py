"""Cars with number plates, as solids of a few dozen faces."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from app.demo.view import Canvas, Colour, Points, mix, moved, polygon
from core.types import Picture

PLATE_WIDTH_M, PLATE_HEIGHT_M = 0.58, 0.125
WHEEL_RADIUS_M = 0.33
PAINTS: tuple[Colour, ...] = (
    (62, 48, 190),  # red
    (168, 104, 40),  # blue
    (226, 228, 230),  # white
    (70, 66, 64),  # anthracite
    (182, 178, 172),  # silver
    (70, 118, 48),  # green
    (48, 158, 224),  # orange
    (110, 140, 150),  # sand
)
GLASS: Colour = (82, 66, 50)
RUBBER: Colour = (34, 32, 32)
_PLATE_LETTERS = "ACEFHKLMNPRTVWXY"
_PLATE_DIGITS = "23456789"


@dataclass(frozen=True, slots=True)
class Shape:
    """Side view of a car, in metres; lengths are measured from its front."""

    length: float
    width: float
    bonnet_height: float
    bonnet_length: float
    roof_start: float
    roof_end: float
    roof_height: float
    tail: float
    """Where the rear window meets the body."""


SHAPES: tuple[Shape, ...] = (
    Shape(4.4, 1.80, 0.96, 1.15, 1.85, 3.05, 1.44, 3.75),  # saloon
    Shape(3.9, 1.74, 0.98, 0.95, 1.65, 3.35, 1.50, 3.80),  # hatchback
    Shape(4.5, 1.88, 1.10, 1.05, 1.70, 3.95, 1.70, 4.40),  # off-roader
    Shape(4.8, 1.90, 1.14, 0.70, 1.35, 4.65, 1.94, 4.75),  # van
)


@dataclass(frozen=True)
class Car:
    """A car as it looks; where it is comes with every picture."""

    plate: str
    """As it is read: no blanks."""
    shape: Shape
    paint: Colour

    @cached_property
    def plate_picture(self) -> Picture:
        """The number plate, 480 pixels wide."""
        return draw_plate(self.plate)

    def draw(self, canvas: Canvas, x: float, z: float, *, leaving: bool) -> None:
        """Paint it with its middle at ``x`` and its nearest end at ``z``, front or (``leaving``) rear to the camera."""
        car = _Placed(canvas, self.shape, x, z, leaving)
        car.shadow()
        car.wheels()
        car.body(self.paint)
        car.cabin(self.paint)
        car.ends(self.paint, self.plate_picture)


def random_cars(count: int, seed: int) -> list[Car]:
    """Cars of different paints and shapes, the same for every call with this seed."""
    chance = random.Random(seed)  # noqa: S311 - scenery, no secret
    paints = chance.sample(PAINTS, k=len(PAINTS))
    shapes = chance.sample(SHAPES, k=len(SHAPES))
    return [Car(_random_plate(chance), shapes[i % len(shapes)], paints[i % len(paints)]) for i in range(count)]


def draw_plate(text: str) -> Picture:
    """A European plate: white, a blue band with a ring of stars, black characters in the groups AB 123 CD."""
    width, height = 480, round(480 * PLATE_HEIGHT_M / PLATE_WIDTH_M)
    plate = np.full((height, width, 3), 246, np.uint8)
    cv2.rectangle(plate, (0, 0), (46, height), (150, 52, 0), cv2.FILLED)
    for star in range(12):
        angle = star * math.tau / 12
        centre = (round(23 + 13 * math.cos(angle)), round(38 + 13 * math.sin(angle)))
        cv2.circle(plate, centre, 2, (40, 210, 250), cv2.FILLED, cv2.LINE_AA)
    left = 66
    for position, character in enumerate(text):
        (glyph_px, _), _ = cv2.getTextSize(character, cv2.FONT_HERSHEY_DUPLEX, 2.4, 7)
        at = (left + (51 - glyph_px) // 2, 78)
        cv2.putText(plate, character, at, cv2.FONT_HERSHEY_DUPLEX, 2.4, (22, 20, 20), 7, cv2.LINE_AA)
        left += 51 + (19 if position in {1, 4} else 0)
    cv2.rectangle(plate, (1, 1), (width - 2, height - 2), (40, 40, 40), 3, cv2.LINE_AA)
    return plate


def _random_plate(chance: random.Random) -> str:
    # Characters that people and readers mistake for one another (O and 0, B and 8, …) are left out, as registries do.
    letters = chance.choices(_PLATE_LETTERS, k=4)
    digits = chance.choices(_PLATE_DIGITS, k=3)
    return "".join(letters[:2] + digits + letters[2:])


@dataclass(frozen=True, slots=True)
class _Placed:
    """A car at a place of a picture. Local z runs from its nearest end away from the camera."""

    canvas: Canvas
    shape: Shape
    x: float
    z: float
    leaving: bool

    def shadow(self) -> None:
        half, length = self.shape.width / 2, self.shape.length
        for grow, colour in ((0.16, (84, 82, 80)), (0.02, (58, 56, 56))):
            corners = moved(_oval(half + grow, length / 2 + grow), self.x, 0.0, self.z + length / 2)
            self.canvas.fill(corners, colour)

    def wheels(self) -> None:
        half = self.shape.width / 2
        for axle in (self.shape.length - 0.8, 0.8):
            for side in (-1, 1):
                outer, inner = side * half * 0.97, side * (half - 0.24)
                corners = polygon((inner, 0, axle), (outer, 0, axle), (outer, 0.4, axle), (inner, 0.4, axle))
                self.canvas.fill(moved(corners, self.x, 0.0, self.z - WHEEL_RADIUS_M), RUBBER)

    def body(self, paint: Colour) -> None:
        shape, half = self.shape, self.shape.width / 2
        profile = self._facing(
            [
                (0.06, 0.22),
                (0.0, 0.46),
                (0.10, shape.bonnet_height - 0.22),
                (0.32, shape.bonnet_height - 0.08),
                (shape.bonnet_length, shape.bonnet_height),
                (shape.tail, shape.bonnet_height + 0.02),
                (shape.length - 0.08, shape.bonnet_height - 0.06),
                (shape.length, 0.5),
                (shape.length - 0.06, 0.24),
            ]
        )
        self._extrude(profile, half, half, paint)
        for side in (-1, 1):
            for axle in (0.8, shape.length - 0.8):
                for radius, colour in ((WHEEL_RADIUS_M + 0.05, (24, 22, 22)), (0.2, (150, 150, 150))):
                    angles = np.linspace(0, math.tau, 16, endpoint=False)
                    disc = np.stack([np.full(16, side * half), np.sin(angles), np.cos(angles)], axis=1)
                    disc[:, 1:] = disc[:, 1:] * radius + (WHEEL_RADIUS_M, axle)
                    self._face(disc if side < 0 else disc[::-1], colour)

    def cabin(self, paint: Colour) -> None:
        shape = self.shape
        base, roof = shape.width / 2 - 0.05, shape.width / 2 - 0.2
        (z0, y0), (z1, y1), (z2, y2), (z3, y3) = self._facing(
            [
                (shape.bonnet_length - 0.05, shape.bonnet_height),
                (shape.roof_start, shape.roof_height),
                (shape.roof_end, shape.roof_height),
                (shape.tail, shape.bonnet_height + 0.02),
            ]
        )
        dark = mix(paint, (0, 0, 0), 0.12)
        for side in (-1, 1):
            outline = polygon(
                (side * base, y0, z0), (side * roof, y1, z1), (side * roof, y2, z2), (side * base, y3, z3)
            )
            outline = outline if side > 0 else outline[::-1]
            self._face(outline, dark)
            self._face(_shrunk(outline, 0.84), GLASS)
        self._face(polygon((-roof, y1, z1), (roof, y1, z1), (roof, y2, z2), (-roof, y2, z2))[::-1], paint)
        windscreen = polygon((-base, y0, z0), (base, y0, z0), (roof, y1, z1), (-roof, y1, z1))[::-1]
        self._face(windscreen, dark)
        glass = _shrunk(windscreen, 0.93)
        self._face(glass, GLASS)
        self._face(_between(glass, 0.12, 0.34), mix(GLASS, (255, 240, 225), 0.22))
        self._face(_between(glass, 0.40, 0.47), mix(GLASS, (255, 240, 225), 0.22))

    def ends(self, paint: Colour, plate: Picture) -> None:
        """What is on the end that faces the camera."""
        half = self.shape.width / 2
        self._panel((-half * 0.96, half * 0.96), (0.24, 0.38), (52, 50, 50))
        plate_bottom = self._tail(paint) if self.leaving else self._front()
        left, right, low, high = -PLATE_WIDTH_M / 2, PLATE_WIDTH_M / 2, plate_bottom, plate_bottom + PLATE_HEIGHT_M
        self._panel((left - 0.03, right + 0.03), (low - 0.03, high + 0.03), (40, 38, 38))
        corners = polygon((left, high, 0), (right, high, 0), (right, low, 0), (left, low, 0))
        self.canvas.paste(moved(corners, self.x, 0.0, self.z - 0.03), plate)

    def _front(self) -> float:
        """Grille and headlamps; returns how high the plate hangs."""
        half, top = self.shape.width / 2, self.shape.bonnet_height
        self._panel((-half * 0.52, half * 0.52), (top - 0.42, top - 0.25), (44, 42, 42))
        for side in (-1, 1):
            left, right = sorted((side * half * 0.58, side * half * 0.95))
            self._panel((left, right), (top - 0.42, top - 0.24), (120, 116, 112))
            self._panel((left + 0.03, right - 0.03), (top - 0.39, top - 0.27), (238, 250, 255))
        return 0.40

    def _tail(self, paint: Colour) -> float:
        """Rear lamps and the recess of the plate; returns how high the plate hangs."""
        half, top, bottom = self.shape.width / 2, self.shape.bonnet_height, 0.60
        for side in (-1, 1):
            left, right = sorted((side * half * 0.70, side * half * 0.97))
            self._panel((left, right), (top - 0.34, top - 0.12), (38, 30, 196))
            self._panel((left + 0.04, right - 0.04), (top - 0.22, top - 0.15), (120, 150, 246))
        self._panel((-half * 0.5, half * 0.5), (bottom - 0.05, bottom + 0.18), mix(paint, (0, 0, 0), 0.3))
        return bottom

    def _facing(self, profile: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """The (z, y) profile from the end that faces the camera."""
        return [(self.shape.length - z, y) for z, y in reversed(profile)] if self.leaving else profile

    def _extrude(self, profile: list[tuple[float, float]], left: float, right: float, paint: Colour) -> None:
        for side, at in ((-1, -left), (1, right)):
            outline = polygon(*((at, y, z) for z, y in profile))
            self._face(outline if side > 0 else outline[::-1], paint)
        for (z0, y0), (z1, y1) in zip(profile[::-1], [*profile[-2::-1], profile[-1]], strict=True):
            self._face(polygon((-left, y0, z0), (right, y0, z0), (right, y1, z1), (-left, y1, z1)), paint)

    def _panel(self, across: tuple[float, float], up: tuple[float, float], colour: Colour) -> None:
        (left, right), (low, high) = across, up
        corners = polygon((left, low, 0), (right, low, 0), (right, high, 0), (left, high, 0))
        self.canvas.fill(moved(corners, self.x, 0.0, self.z), colour)

    def _face(self, corners: Points, colour: Colour) -> None:
        self.canvas.fill_solid(moved(corners, self.x, 0.0, self.z), colour)


def _oval(half_width: float, half_length: float) -> Points:
    angles = np.linspace(0, math.tau, 24, endpoint=False)
    # A superellipse: between an ellipse and a rectangle, as the shadow of a car is.
    across = np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** 0.4 * half_width
    along = np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** 0.4 * half_length
    return np.stack([across, np.full(24, 0.01), along], axis=1)


def _shrunk(corners: Points, share: float) -> Points:
    middle: Points = corners.mean(axis=0)
    return middle + (corners - middle) * share


def _between(quad: Points, start: float, end: float) -> Points:
    """A slanting strip of a quadrilateral, as the sky is mirrored in glass."""
    first, second, third, fourth = quad
    lean = 0.18
    return np.array(
        [
            first + (second - first) * start,
            first + (second - first) * end,
            fourth + (third - fourth) * (end + lean),
            fourth + (third - fourth) * (start + lean),
        ]
    )
