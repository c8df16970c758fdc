"""Differentiable binarisation (Liao et al., 2020): a probability map of text to rotated boxes of lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import pyclipper

from inference.images import FloatArray, order_corners

LEAST_PROBABILITY = 0.3
"""Of a pixel of a line."""
LEAST_SCORE = 0.5
"""Of the mean probability inside a box."""
GROWTH = 1.6
"""The map shows lines shrunk; each is grown by ``area * GROWTH / perimeter`` (the paper's unclip ratio)."""
LEAST_SIDE = 3.0
"""Of a box before it is grown, in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class TextBox:
    """A line of text, in pixels of the map."""

    corners: FloatArray
    """(4, 2): top left, top right, bottom right, bottom left."""
    score: float
    """Mean probability inside."""


def decode(text_map: FloatArray) -> list[TextBox]:
    """Find the lines of a map, best first.

    Args:
        text_map: (height, width) float32, the probability of text at each pixel.

    Raises:
        ValueError: the map is not two-dimensional.
    """
    if text_map.ndim != 2:
        raise ValueError(f"expected a map (height, width), got {text_map.shape}")
    mask = (text_map > LEAST_PROBABILITY).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        corners = cv2.boxPoints(cv2.minAreaRect(contour)).astype(np.float32)
        if min(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[1] - corners[2])) < LEAST_SIDE:
            continue
        score = _mean_inside(text_map, corners)
        if score >= LEAST_SCORE:
            found.append(TextBox(order_corners(_grow(corners)), score))
    return sorted(found, key=lambda box: -box.score)


def _mean_inside(text_map: FloatArray, corners: FloatArray) -> float:
    height, width = text_map.shape
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, [width - 1, height - 1]).astype(int)
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [np.round(corners - [left, top]).astype(np.int32)], 1)
    return float(cv2.mean(text_map[top : bottom + 1, left : right + 1], mask)[0])


def _grow(corners: FloatArray) -> FloatArray:
    distance = cv2.contourArea(corners) * GROWTH / cv2.arcLength(corners, closed=True)
    offset = pyclipper.PyclipperOffset()
    # Clipper works on integers: hundredths of a pixel are fine enough.
    offset.AddPath((corners * 100).astype(int).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    grown = np.array(offset.Execute(distance * 100)[0], np.float32) / 100
    return cast("FloatArray", cv2.boxPoints(cv2.minAreaRect(grown)))
