"""What stands still: the street and the gate, painted once for each clip."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import cv2
import numpy as np

from app.demo.view import HAZE, Camera, Canvas, Colour, mix, moved, polygon
from core.types import Picture

_ENLARGED = 2
"""Painted so much larger and scaled down, which smooths edges."""
_FAR_M = 400.0
ASPHALT: Colour = (112, 108, 106)
PAVING: Colour = (166, 170, 174)
KERB: Colour = (200, 202, 202)
GRASS: Colour = (88, 146, 116)
LEAVES: Colour = (66, 122, 82)
PAINT: Colour = (232, 234, 234)
WALLS: tuple[Colour, ...] = (
    (172, 206, 232),
    (188, 220, 222),
    (150, 178, 214),
    (214, 214, 204),
    (176, 190, 206),
    (196, 178, 160),
)
ROOFS: tuple[Colour, ...] = ((64, 82, 150), (74, 76, 96), (56, 70, 122))


def street_scenery(camera: Camera, seed: int) -> Picture:
    """A street with two lanes, pavements, trees and houses."""
    chance = random.Random(seed)  # noqa: S311 - scenery, no secret
    canvas = _sky(camera.enlarged(_ENLARGED), chance)
    _ground(canvas, GRASS, -_FAR_M, _FAR_M)
    for side in (-1, 1):
        _ground(canvas, PAVING, side * 3.4, side * 6.4)
        _ground(canvas, KERB, side * 3.3, side * 3.55)
    _ground(canvas, ASPHALT, -3.3, 3.3)
    for start in range(4, 160, 6):
        _ground(canvas, PAINT, -0.07, 0.07, start, start + 3)
    for stripe in range(-3, 4):
        _ground(canvas, PAINT, stripe * 0.9 - 0.25, stripe * 0.9 + 0.25, 15.5, 18.5)
    for start in range(118, 6, -12):
        for side in (-1, 1):
            _house(canvas, side, start + chance.uniform(-0.8, 0.8), chance)
            _tree(canvas, side * chance.uniform(5.0, 5.6), start - 2.5, chance)
    return _finished(canvas, camera, chance)


def gate_scenery(camera: Camera, seed: int) -> Picture:
    """The exit of a car park: one lane between islands, a hedge and a building behind."""
    chance = random.Random(seed)  # noqa: S311 - scenery, no secret
    canvas = _sky(camera.enlarged(_ENLARGED), chance)
    _ground(canvas, GRASS, -_FAR_M, _FAR_M)
    _ground(canvas, ASPHALT, -14.0, 14.0, 0.5, 74.0)
    for bay in range(3, 12):
        for side in (-1, 1):
            _ground(canvas, PAINT, side * 4.2, side * 9.0, bay * 5.0, bay * 5.0 + 0.14)
    _box(canvas, (-34.0, 34.0), (0.0, 8.5), (76.0, 90.0), (186, 196, 204))
    for floor in (1.0, 3.7, 6.2):
        for bay in range(-10, 10):
            _box(canvas, (bay * 3.2 + 0.4, bay * 3.2 + 2.8), (floor, floor + 1.5), (75.8, 76.0), (96, 84, 72))
    for z in range(70, 20, -10):
        for side in (-1, 1):
            _tree(canvas, side * 12.5, z, chance)
    for side in (-1, 1):
        _ground(canvas, KERB, side * 1.75, side * 2.95, 5.4, 13.0)
        _ground(canvas, PAVING, side * 1.87, side * 2.83, 5.5, 12.9)
    _box(canvas, (1.95, 2.45), (0.0, 1.25), (9.2, 9.7), (60, 170, 240))
    _box(canvas, (2.02, 2.38), (0.85, 1.12), (9.19, 9.2), (60, 52, 44))
    _sign(canvas, -2.6, 12.6)
    return _finished(canvas, camera, chance)


def _sky(camera: Camera, chance: random.Random) -> Canvas:
    ramp = np.linspace(0, 1, camera.height, dtype=np.float32)[:, None, None]
    row = np.array([226, 176, 122], np.float32) * (1 - ramp) + np.array(HAZE, np.float32) * ramp
    blue = np.repeat(row, camera.width, axis=1)
    clouds = np.zeros((camera.height, camera.width), np.uint8)
    for _ in range(7):
        middle_x, middle_y = chance.randrange(camera.width), chance.randrange(camera.height // 5)
        for _ in range(6):
            at = (middle_x + chance.randrange(-160, 160), middle_y + chance.randrange(-14, 14))
            cv2.ellipse(clouds, at, (chance.randrange(60, 150), chance.randrange(10, 26)), 0, 0, 360, 150, cv2.FILLED)
    cover = cv2.GaussianBlur(clouds, (0, 0), 14)[..., None] / 255.0
    return Canvas(np.asarray(blue * (1 - cover) + 250 * cover, dtype=np.uint8), camera)


def _ground(canvas: Canvas, colour: Colour, left: float, right: float, near: float = 0.5, far: float = _FAR_M) -> None:
    # In pieces, because the haze is that of a polygon's middle.
    for start, end in pairwise(np.geomspace(near, far, max(2, math.ceil(14 * math.log(far / near))))):
        canvas.fill(polygon((left, 0, start), (right, 0, start), (right, 0, end), (left, 0, end)), colour)


def _house(canvas: Canvas, side: int, near: float, chance: random.Random) -> None:
    wall, roof = chance.choice(WALLS), chance.choice(ROOFS)
    far, height = near + chance.uniform(8.5, 10.0), chance.uniform(5.2, 7.4)
    inner, outer = side * 7.2, side * 15.0
    _box(canvas, (min(inner, outer), max(inner, outer)), (0.0, height), (near, far), wall)
    ridge, ridge_height = (inner + outer) / 2, height + 2.8
    eaves = side * 6.8
    slope = polygon(
        (eaves, height - 0.1, near), (eaves, height - 0.1, far), (ridge, ridge_height, far), (ridge, ridge_height, near)
    )
    canvas.fill_solid(slope if side > 0 else slope[::-1], roof)
    gable = polygon((inner, height, near), (ridge, ridge_height, near), (outer, height, near))
    canvas.fill_solid(gable if side > 0 else gable[::-1], mix(wall, (0, 0, 0), 0.05))
    for floor in np.arange(0.9, height - 1.4, 2.5):
        for start in np.arange(near + 0.9, far - 1.2, 2.3):
            is_door = floor < 1 and start < near + 1
            low = 0.0 if is_door else floor
            colour = (58, 74, 108) if is_door else (112, 96, 82)
            _on_wall(canvas, inner, side, (low - 0.1, floor + 1.5), (start - 0.1, start + 1.2), PAINT)
            _on_wall(canvas, inner, side, (low, floor + 1.4), (start, start + 1.1), colour)
        for start in (1.4, 3.6, 5.8):
            x = inner + side * start
            corners = polygon(
                (x, floor, near), (x + 1.1, floor, near), (x + 1.1, floor + 1.4, near), (x, floor + 1.4, near)
            )
            canvas.fill(moved(corners, 0.0, 0.0, -0.01), (112, 96, 82))


def _on_wall(
    canvas: Canvas, x: float, side: int, up: tuple[float, float], along: tuple[float, float], colour: Colour
) -> None:
    """A rectangle on the wall that faces the street."""
    at, (low, high), (near, far) = x - side * 0.02, up, along
    corners = polygon((at, low, near), (at, low, far), (at, high, far), (at, high, near))
    canvas.fill_solid(corners if side > 0 else corners[::-1], colour)


def _tree(canvas: Canvas, x: float, z: float, chance: random.Random) -> None:
    height = chance.uniform(2.3, 2.9)
    _box(canvas, (x - 0.09, x + 0.09), (0.0, height), (z, z + 0.18), (52, 74, 98))
    for _ in range(26):
        angle, reach = chance.uniform(0, math.tau), chance.uniform(0, 0.85)
        middle = (x + math.cos(angle) * reach, height + 0.5 + math.sin(angle) * reach, z)
        tint = mix(LEAVES, (120, 190, 150), chance.uniform(-0.15, 0.35) + math.sin(angle) * reach * 0.3)
        angles = np.linspace(0, math.tau, 14, endpoint=False)
        radius = chance.uniform(0.28, 0.5)
        leaf = np.stack([np.cos(angles) * radius, np.sin(angles) * radius, np.zeros(14)], axis=1)
        canvas.fill(moved(leaf, *middle), tint)


def _sign(canvas: Canvas, x: float, z: float) -> None:
    _box(canvas, (x - 0.04, x + 0.04), (0.0, 2.9), (z, z + 0.08), (140, 140, 140))
    for grow, colour in ((0.0, PAINT), (-0.05, (168, 88, 20))):
        half = 0.4 + grow
        corners = polygon((-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0))
        canvas.fill(moved(corners, x, 2.5, z - 0.01 + grow * 0.1), colour)
    stem = polygon((-0.17, -0.25, 0), (-0.07, -0.25, 0), (-0.07, 0.25, 0), (-0.17, 0.25, 0))
    canvas.fill(moved(stem, x, 2.5, z - 0.03), PAINT)
    angles = np.linspace(-math.pi / 2, math.pi / 2, 12)
    for radius, colour in ((0.16, PAINT), (0.07, (168, 88, 20))):
        bow = np.stack([np.cos(angles) * radius * 1.25, np.sin(angles) * radius, np.zeros(12)], axis=1)
        canvas.fill(moved(bow, x - 0.07, 2.59, z - 0.04), colour)


def _box(
    canvas: Canvas,
    across: tuple[float, float],
    up: tuple[float, float],
    along: tuple[float, float],
    colour: Colour,
) -> None:
    (x0, x1), (y0, y1), (z0, z1) = across, up, along
    canvas.fill_solid(polygon((x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1))[::-1], colour)
    canvas.fill_solid(polygon((x0, y0, z0), (x0, y0, z1), (x0, y1, z1), (x0, y1, z0)), colour)
    canvas.fill_solid(polygon((x1, y0, z0), (x1, y0, z1), (x1, y1, z1), (x1, y1, z0))[::-1], colour)
    canvas.fill_solid(polygon((x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0))[::-1], colour)


def _finished(canvas: Canvas, camera: Camera, chance: random.Random) -> Picture:
    """Scaled down, with the grain of real surfaces."""
    grain = np.random.default_rng(chance.randrange(1 << 30)).normal(0, 7, (camera.height, camera.width))
    small = cv2.resize(canvas.picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    grainy: Picture = np.clip(small + cv2.GaussianBlur(grain, (0, 0), 0.8)[..., None], 0, 255).astype(np.uint8)
    return grainy
