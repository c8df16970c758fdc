"""Plates of other countries, drawn and put onto pictures of European cars in place of theirs.

They stand in for footage that is not here: what matters is their layout (writing above and below the number, two rows,
narrow shapes, dashes), seen from aside, small, blurred, dark and compressed. The letters are not those of real plates.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from core.types import Picture
from inference.images import FloatArray

Colour = tuple[int, int, int]

WHITE: Colour = (240, 240, 240)
DARK: Colour = (40, 30, 30)
BLUE: Colour = (150, 60, 20)
RED: Colour = (40, 40, 170)
GREY: Colour = (185, 185, 185)
YELLOW: Colour = (60, 200, 230)
STATES = ("CALIFORNIA", "TEXAS", "NEW YORK", "FLORIDA", "OHIO", "Kentucky", "ALABAMA", "Minnesota", "Georgia", "UTAH")
SLOGANS = ("dmv.ca.gov", "EMPIRE STATE", "SUNSHINE STATE", "10,000 lakes", "Unbridled Spirit", "GREATEST SNOW", "")
CITIES = ("PR-CURITIBA", "SP-SAO PAULO", "RJ-RIO DE JANEIRO", "MG-BELO HORIZONTE")


@dataclass(frozen=True, slots=True)
class DrawnPlate:
    """A flat plate and what it says."""

    text: str
    picture: Picture


def american(chance: random.Random) -> DrawnPlate:
    """12 x 6 inches: the state above, a slogan below, stickers in the corners, often a picture behind the number."""
    mask = chance.choice(("1LLL111", "LLL1111", "111LLL", "LLL111", "LL11111", "LL1111", "1LL1111"))
    text = _random_text(chance, mask)
    ground, ink = chance.choice(((WHITE, BLUE), (WHITE, RED), (WHITE, DARK), ((225, 210, 170), BLUE), (YELLOW, DARK)))
    plate = _sunset(ground, chance) if chance.random() < 0.4 else np.full((200, 400, 3), ground, np.uint8)
    if chance.random() < 0.5:
        _write(plate, text, (25, 55, 350, 95), ink, 8)
    else:
        _write(plate, text[:3], (20, 55, 150, 95), ink, 8)
        _write(plate, text[3:], (220, 55, 160, 95), ink, 8)
        _emblem(plate, chance)
    _write(plate, chance.choice(STATES), (110, 10, 180, 30), chance.choice((RED, BLUE, DARK)), 3)
    if slogan := chance.choice(SLOGANS):
        _write(plate, slogan, (120, 166, 160, 20), ink, 2)
    for left in (12, 345):
        if chance.random() < 0.6:
            cv2.rectangle(plate, (left, 10), (left + 42, 38), chance.choice((RED, YELLOW, BLUE)), cv2.FILLED)
            _write(plate, chance.choice(("14", "JAN", "09")), (left + 6, 14, 30, 20), WHITE, 2)
    return DrawnPlate(text, plate)


def brazilian(chance: random.Random) -> DrawnPlate:
    """Until 2018: LLL-NNNN on grey, the town in a band above."""
    text = _random_text(chance, "LLL1111")
    plate = np.full((130, 400, 3), GREY, np.uint8)
    _write(plate, chance.choice(CITIES), (100, 8, 200, 18), DARK, 2)
    _write(plate, f"{text[:3]}-{text[3:]}", (22, 38, 356, 78), DARK, 9)
    return DrawnPlate(text, plate)


def mercosul(chance: random.Random) -> DrawnPlate:
    """LLLNLNN below a blue band that says BRASIL."""
    text = _random_text(chance, "LLL1L11")
    plate = np.full((130, 400, 3), WHITE, np.uint8)
    plate[:30] = BLUE
    _write(plate, "BRASIL", (140, 6, 120, 18), WHITE, 3)
    _write(plate, "BR", (8, 104, 22, 16), DARK, 2)
    _write(plate, text, (38, 42, 345, 78), DARK, 9)
    return DrawnPlate(text, plate)


def taiwanese(chance: random.Random) -> DrawnPlate:
    """ABC-1234, and the older forms."""
    mask = chance.choice(("LLL-1111", "LLL-1111", "LL-1111", "1111-LL", "L1-1111"))
    text = _random_text(chance, mask)
    plate = np.full((160, 380, 3), WHITE, np.uint8)
    _write(plate, text, (22, 36, 336, 92), DARK, 10)
    return DrawnPlate(text.replace("-", ""), plate)


def motorcycle(chance: random.Random) -> DrawnPlate:
    """Two rows on an almost square plate."""
    upper, lower = chance.choice((("LLL", "1111"), ("LLL", "1L11"), ("L LL", "1111"), ("LL", "111LL"), ("LLL", "111")))
    rows = _random_text(chance, upper), _random_text(chance, lower)
    plate = np.full((210, 260, 3), chance.choice((WHITE, GREY, YELLOW)), np.uint8)
    if chance.random() < 0.4:
        plate[:30] = BLUE
        _write(plate, "BRASIL", (80, 6, 100, 18), WHITE, 3)
    _write(plate, rows[0], (45, 40, 170, 70), DARK, 9)
    _write(plate, rows[1], (25, 122, 210, 70), DARK, 9)
    return DrawnPlate("".join(rows).replace(" ", ""), plate)


STYLES: dict[str, Callable[[random.Random], DrawnPlate]] = {
    draw.__name__: draw for draw in (american, brazilian, mercosul, taiwanese, motorcycle)
}


def put_on(picture: Picture, plate: DrawnPlate, box: tuple[float, ...], chance: random.Random) -> Picture:
    """A car's picture with its plate (x, y, width, height) replaced, as a camera might have taken it."""
    x, y, width, height = box
    scene = picture.copy()
    hidden = scene[round(y - 2) : round(y + height + 2), round(x - 2) : round(x + width + 2)]
    hidden[:] = hidden[:2].mean(axis=(0, 1))
    rows, columns = plate.picture.shape[:2]
    new_width = width * chance.uniform(0.6, 1.6) * (0.7 if columns / rows < 1.5 else 1.0)
    centre = np.array([x + width / 2, y + height / 2])
    corners = centre + _seen_from_aside(new_width, new_width * rows / columns, chance)
    framed = cv2.copyMakeBorder(plate.picture, 6, 6, 6, 6, cv2.BORDER_CONSTANT, value=DARK)
    scene = _lay(cast("Picture", framed), corners.astype(np.float32), scene)
    return _photographed(scene, chance)


def _sunset(ground: Colour, chance: random.Random) -> Picture:
    """A picture behind the number, as many states print it: a sky that fades, a sun, hills."""
    top = chance.choice(((230, 190, 150), (170, 200, 240), (200, 170, 230)))
    fade = np.linspace(top, ground, 200)[:, None, :]
    drawn = np.repeat(fade, 400, axis=1).astype(np.uint8)
    cv2.circle(drawn, (chance.randint(60, 340), 90), 40, (140, 200, 250), cv2.FILLED)
    cv2.ellipse(drawn, (chance.randint(0, 400), 210), (220, 70), 0, 180, 360, (150, 190, 160), cv2.FILLED)
    return drawn


def _emblem(plate: Picture, chance: random.Random) -> None:
    """The fruit, star or outline that stands between the groups of a number."""
    shape, colour = chance.randrange(3), chance.choice(((60, 140, 240), (70, 120, 70), (160, 60, 60)))
    if shape == 0:
        cv2.circle(plate, (195, 102), 19, colour, cv2.FILLED, cv2.LINE_AA)
    elif shape == 1:
        angles = np.arange(10) * np.pi / 5 - np.pi / 2
        radii = np.where(np.arange(10) % 2, 8, 20)[:, None]
        star = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii + (195, 102)
        cv2.fillPoly(plate, [star.round().astype(np.int32)], colour, cv2.LINE_AA)
    else:
        cv2.rectangle(plate, (186, 80), (206, 126), colour, 3)


def _random_text(chance: random.Random, mask: str) -> str:
    kinds = {"L": "ABCDEFGHJKLMNPRSTUVWXYZ", "1": string.digits}
    return "".join(chance.choice(kinds[c]) if c in kinds else c for c in mask)


def _write(plate: Picture, text: str, box: tuple[int, int, int, int], ink: Colour, thickness: int) -> None:
    """Stretch a line of text into x, y, width, height."""
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 3.0, thickness)
    line = np.zeros((height + base + 20, width + 20), np.uint8)
    cv2.putText(line, text, (10, height + 10), cv2.FONT_HERSHEY_DUPLEX, 3.0, 255, max(3, thickness), cv2.LINE_AA)
    ys, xs = np.nonzero(line)
    line = line[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].astype(np.uint8)
    x, y, columns, rows = box
    cover = cv2.resize(line, (columns, rows), interpolation=cv2.INTER_AREA)[..., None] / 255
    part = plate[y : y + rows, x : x + columns]
    part[:] = (part * (1 - cover) + np.array(ink) * cover).astype(np.uint8)


def _seen_from_aside(width: float, height: float, chance: random.Random) -> FloatArray:
    """Corners around (0, 0) of a plate turned by some degrees and seen in perspective."""
    yaw, roll = np.radians(chance.uniform(-35, 35)), np.radians(chance.uniform(-6, 6))
    flat = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    nearer = 1 + flat[:, :1] / width * np.sin(yaw) * 0.4
    turned = flat * (np.cos(yaw), 1) * nearer
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return cast("FloatArray", (turned @ turn.T).astype(np.float32))


def _lay(plate: Picture, corners: FloatArray, scene: Picture) -> Picture:
    rows, columns = plate.shape[:2]
    flat = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    # Scaled down first: a warp alone would alias.
    shrink = min(1.0, 2 * float(np.linalg.norm(corners[1] - corners[0])) / columns)
    small = cv2.resize(plate, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    transform = cv2.getPerspectiveTransform(flat * np.float32(shrink), corners)
    size = scene.shape[1], scene.shape[0]
    laid = cv2.warpPerspective(small, transform, size, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.ones(small.shape[:2], np.float32), transform, size)[..., None]
    return (scene * (1 - cover) + laid * cover).astype(np.uint8)


def _photographed(scene: Picture, chance: random.Random) -> Picture:
    """Blur, light, noise and compression."""
    blurred = cv2.GaussianBlur(scene, (0, 0), chance.uniform(0.3, 1.4))
    lit = blurred.astype(np.float32) * chance.uniform(0.45, 1.2) + chance.uniform(-10, 20)
    grain = np.random.default_rng(chance.randrange(2**32)).normal(0, chance.uniform(0, 6), lit.shape)
    noisy = np.clip(lit + grain, 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, chance.randint(55, 95)])
    return cast("Picture", cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
