"""How things move in a clip: local histograms of optical flow and of its edges, measured in persons, not in pixels.

Histograms of flow, of motion boundaries (the flow's gradient, which cancels a moving camera) and of acceleration, after
Dalal et al., "Human detection using oriented histograms of flow and appearance" (ECCV 2006) and Wang et al., "Dense
trajectories and motion boundary descriptors" (IJCV 2013), on a grid of cells that are a quarter of a person high: the
same blow gives the same numbers near the camera and far from it, at any resolution and frame rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from core.types import Box, Picture
from inference.images import FloatArray, check_pictures

FRAMES_LEAST = 4
"""Fewer give no acceleration over time."""

DESCRIPTOR_SIZE = 128
"""2 x 2 cells of 4 fields with 8 directions each."""

_WIDTH = 160
"""Pictures are scaled to this width: what a fight moves is larger than the pixels that are lost."""

_CELLS_PER_PERSON = 4
_TUBES = 3
"""Stretches of time, over each of which a cell's motion is averaged."""

_LEAST_SPEED = 0.05
"""Person heights per second; cells below it stand still, and what they hold is noise."""

_PERSON_LEAST, _PERSON_MOST = 0.12, 0.9
"""Shares of the picture's height between which a person's height counts."""

_STEP = 2
"""The flow is taken at every second pixel: it is computed at half the resolution and only interpolated in between."""

_AXES = np.array([(np.cos(a), np.sin(a)) for a in np.arange(4) * np.pi / 4], np.float32).T


def small_greys(pictures: Sequence[Picture]) -> list[Picture]:
    """What the other functions look at: (height, width) uint8 each, 160 wide.

    Raises:
        ValueError: a picture is not (height, width, 3) uint8.
    """
    check_pictures(pictures)
    return [_small_grey(picture) for picture in pictures]


def motion_descriptors(grey: Sequence[Picture], interval_s: float, person_height: float) -> FloatArray:
    """Describe the motion of a clip.

    Args:
        grey: what `small_greys` made of pictures of one size, in order of time; at least `FRAMES_LEAST`.
        interval_s: seconds from one picture to the next.
        person_height: of the persons in it, as a share of the picture's height.

    Returns:
        (N, 128) float32: for each 2 x 2 cells and each third of the clip the square roots of mean speed (person
        heights per second) by direction, of both motion boundaries and of the acceleration; only where it moves.

    Raises:
        ValueError: there are too few pictures, or they differ in size.
    """
    sizes = sorted({picture.shape for picture in grey})
    if len(grey) < FRAMES_LEAST or len(sizes) != 1 or interval_s <= 0:
        raise ValueError(
            f"expected at least {FRAMES_LEAST} pictures of one size and a positive interval, got {len(grey)} of "
            f"{sizes} every {interval_s} s"
        )
    height, width = sizes[0]
    person = float(np.clip(person_height, _PERSON_LEAST, _PERSON_MOST)) * height
    fields = _fields(_flow(grey) / np.float32(person * interval_s), person / _STEP)
    cell = person / _CELLS_PER_PERSON
    cells = _cells(fields, max(2, round(height / cell)), max(2, round(width / cell)))
    blocks = np.concatenate([cells[:, :-1, :-1], cells[:, 1:, :-1], cells[:, :-1, 1:], cells[:, 1:, 1:]], axis=-1)
    rows = blocks.reshape(-1, DESCRIPTOR_SIZE)
    speeds = rows.reshape(-1, 4, 4, 8)[:, :, 0].sum(axis=-1).mean(axis=-1)
    return np.asarray(np.sqrt(rows[speeds > _LEAST_SPEED]), np.float32)


def motion_box(grey: Sequence[Picture], person_height: float) -> Box:
    """Where the clip changes most: a square about as high as a person, as shares of the picture's width and height.

    Args:
        grey: as for `motion_descriptors`; at least two.
        person_height: as for `motion_descriptors`.
    """
    height, width = grey[0].shape
    change = np.abs(np.diff(np.stack(grey).astype(np.float32), axis=0)).mean(axis=0)
    side = max(3, round(float(np.clip(person_height, _PERSON_LEAST, _PERSON_MOST)) * height))
    sums = cv2.boxFilter(change, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    y, x = np.unravel_index(int(sums.argmax()), sums.shape)
    x1, x2 = max(0.0, (x - side / 2) / width), min(1.0, (x + side / 2) / width)
    y1, y2 = max(0.0, (y - side / 2) / height), min(1.0, (y + side / 2) / height)
    return float(x1), float(y1), float(x2), float(y2)


def _small_grey(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    size = (_WIDTH, max(_STEP, round(_WIDTH * height / width)))
    return np.asarray(cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY))


def _flow(grey: Sequence[Picture]) -> FloatArray:
    """(T-1, h/2, w/2, 2) pixels of the small pictures, without what the whole picture moves (a shaking camera)."""
    # Made anew each time: an instance keeps buffers and is not safe for threads.
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    dis.setFinestScale(1)
    still = np.zeros((*grey[0].shape, 2), np.float32)
    flow = np.stack([dis.calc(a, b, still.copy())[::_STEP, ::_STEP] for a, b in pairwise(grey)])
    whole = np.median(flow[:, ::2, ::2].reshape(len(flow), -1, 2), axis=1)
    return np.asarray(flow - whole[:, None, None], np.float32)


def _fields(flow: FloatArray, person_px: float) -> FloatArray:
    """(3, h, w, 32): by direction speed, the gradients of both components and acceleration, averaged over each tube."""
    acceleration = np.diff(flow, axis=0, prepend=flow[:1])
    acceleration[0] = acceleration[1]
    down, across = (np.asarray(slope, np.float32) for slope in np.gradient(flow, axis=(1, 2)))
    cell = np.float32(person_px / _CELLS_PER_PERSON)
    edges: list[FloatArray] = [np.stack([across[..., i], down[..., i]], axis=-1) * cell for i in (0, 1)]
    length = len(flow) // _TUBES
    tubes = []
    described: list[FloatArray] = [flow, *edges, acceleration]
    for field in described:
        projected = field[: length * _TUBES] @ _AXES
        by_direction = np.concatenate([np.maximum(projected, 0), np.maximum(-projected, 0)], axis=-1)
        tubes.append(by_direction.reshape(_TUBES, length, *by_direction.shape[1:]).mean(axis=1))
    return np.concatenate(tubes, axis=-1, dtype=np.float32)


def _cells(fields: FloatArray, rows: int, columns: int) -> FloatArray:
    """(3, rows, columns, 32): means over the cells of a grid."""
    _, height, width, _ = fields.shape
    lines = np.einsum("rh,thwc->trwc", _shares(rows, height), fields, optimize=True)
    return np.asarray(np.einsum("dw,trwc->trdc", _shares(columns, width), lines, optimize=True), np.float32)


def _shares(cells: int, pixels: int) -> FloatArray:
    """(cells, pixels): the share that each pixel of a line has in each of the equal cells that it is cut into."""
    edges = np.linspace(0, pixels, cells + 1)
    overlap = np.minimum(edges[1:, None], np.arange(pixels) + 1) - np.maximum(edges[:-1, None], np.arange(pixels))
    return np.asarray(np.maximum(overlap, 0) * cells / pixels, np.float32)
