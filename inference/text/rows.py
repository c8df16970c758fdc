"""Boxes of text put together to rows, since a detector splits a plate at the gaps between its groups."""

from __future__ import annotations

import cv2
import numpy as np

from inference.decoders.db_text import TextBox
from inference.images import FloatArray, order_corners, quad_size

_LEAST_HEIGHT_RATIO = 0.7
_MOST_SHIFT = 0.4
_MOST_GAP = 0.6


def join_rows(boxes: list[TextBox]) -> list[TextBox]:
    """Join what stands side by side: like height, on one level, hardly further apart than the groups of a plate.

    Returns:
        The rows, from top to bottom; the score of a row is the lowest of its boxes.
    """
    rows: list[TextBox] = []
    for box in sorted(boxes, key=lambda b: float(b.corners[:, 0].min())):
        neighbour = next((row for row in rows if _side_by_side(row.corners, box.corners)), None)
        if neighbour is not None:
            rows.remove(neighbour)
            points = np.concatenate([neighbour.corners, box.corners])
            corners = order_corners(cv2.boxPoints(cv2.minAreaRect(points)).astype(np.float32))
            box = TextBox(corners, min(neighbour.score, box.score))  # noqa: PLW2901
        rows.append(box)
    return sorted(rows, key=lambda row: float(row.corners[:, 1].mean()))


def _side_by_side(left: FloatArray, right: FloatArray) -> bool:
    heights = quad_size(left)[1], quad_size(right)[1]
    if min(heights) < _LEAST_HEIGHT_RATIO * max(heights):
        return False
    end, start = (left[1] + left[2]) / 2, (right[0] + right[3]) / 2
    gap, shift = start - end
    # A row may slant: what counts is the shift from where its own slope would lead.
    slope = (left[1] - left[0]) / max(float(np.linalg.norm(left[1] - left[0])), 1.0)
    return bool(gap < _MOST_GAP * max(heights) and abs(shift - slope[1] * gap) < _MOST_SHIFT * max(heights))
