"""Face detectors with five landmarks (eyes, nose, corners of the mouth): SCRFD and YuNet. Found by shape, not by name.

SCRFD (Guo et al., 2021; exports of https://github.com/deepinsight/insightface): for each of the strides 8, 16 and 32
scores, boxes as distances from the anchor to the four sides, and landmarks as offsets from it, the last two in strides;
two anchors in each cell, both at its corner.

YuNet (Wu et al., 2023; `FaceDetectorYN` of OpenCV): for each stride class and objectness, whose geometric mean is the
score; boxes as offset of the centre and logarithm of the sides, and landmarks as offsets, from the cell's corner, in
strides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.decoders.boxes import Boxes
from inference.decoders.grid import USUAL_STRIDES, Grid, grid_of
from inference.images import FloatArray

POINTS = 5
ANCHORS = 2
"""Of SCRFD, in each cell."""

Columns = dict[int, list[int]]
"""Width of the outputs → their places, from the finest level to the coarsest."""


def decode_scrfd(outputs: Sequence[FloatArray], size: tuple[int, int], least_score: float) -> Boxes:
    """Boxes and landmarks of one picture.

    Args:
        outputs: of each stride, in any order, (cells * 2, 1), (cells * 2, 4) and (cells * 2, 10) float32.
        size: width and height of the model's input.
        least_score: of what is kept.

    Raises:
        ValueError: the outputs are not of this layout.
    """
    scores, sides, points = _levels(outputs, size, ANCHORS, {1: 1, 4: 1, 2 * POINTS: 1})
    grid = grid_of(size, USUAL_STRIDES)
    anchors = Grid(np.repeat(grid.cells, ANCHORS, axis=0), np.repeat(grid.strides, ANCHORS, axis=0))
    kept = np.flatnonzero(scores[0][:, 0] >= least_score)
    cells, strides = anchors.cells[kept], anchors.strides[kept]
    near, far = sides[0][kept, :2], sides[0][kept, 2:]
    boxes = np.hstack([cells - near, cells + far]) * strides
    return Boxes(
        boxes.astype(np.float32),
        scores[0][kept, 0],
        np.zeros(len(kept), np.int64),
        _points(points[0][kept], cells, strides),
    )


def decode_yunet(outputs: Sequence[FloatArray], size: tuple[int, int], least_score: float) -> Boxes:
    """Boxes and landmarks of one picture.

    Args:
        outputs: of each stride, in any order, twice (cells, 1), then (cells, 4) and (cells, 10) float32.
        size: width and height of the model's input.
        least_score: of what is kept.

    Raises:
        ValueError: the outputs are not of this layout.
    """
    chances, sides, points = _levels(outputs, size, 1, {1: 2, 4: 1, 2 * POINTS: 1})
    score = np.sqrt(np.clip(chances[0][:, 0], 0, 1) * np.clip(chances[1][:, 0], 0, 1))
    kept = np.flatnonzero(score >= least_score)
    grid = grid_of(size, USUAL_STRIDES)
    cells, strides, box = grid.cells[kept], grid.strides[kept], sides[0][kept]
    half = np.exp(box[:, 2:]) / 2
    boxes = np.hstack([cells + box[:, :2] - half, cells + box[:, :2] + half]) * strides
    return Boxes(
        boxes.astype(np.float32), score[kept], np.zeros(len(kept), np.int64), _points(points[0][kept], cells, strides)
    )


def levels_of(shapes: Sequence[tuple[int | None, ...]], size: tuple[int, int], anchors: int) -> Columns | None:
    """Where the outputs of each width are, if all levels have the same kinds of outputs; None: they do not.

    Args:
        shapes: of the outputs, without the batch; None where a size is free.
        size: width and height of the model's input.
        anchors: in each cell.
    """
    cells = [anchors * len(grid_of(size, (stride,)).cells) for stride in USUAL_STRIDES]
    if any(len(shape) != 2 for shape in shapes):
        return None
    places: Columns = {}
    for width in (1, 4, 2 * POINTS):
        found = [i for i, shape in enumerate(shapes) if shape[1] == width]
        # Where the number of cells is free, exporters still write the levels one after another.
        places[width] = sorted(found, key=lambda i: -(shapes[i][0] or 0))
        each = len(found) // len(cells)
        if not found or any(
            shapes[i][0] not in {None, cells[k // each]} for k, i in enumerate(places[width][: each * 3])
        ):
            return None
    counts, levels = {width: len(found) for width, found in places.items()}, len(cells)
    is_whole = sum(counts.values()) == len(shapes) and counts[4] == counts[2 * POINTS] == levels
    return places if is_whole and counts[1] in {levels, 2 * levels} else None


def _levels(
    outputs: Sequence[FloatArray], size: tuple[int, int], anchors: int, wanted: dict[int, int]
) -> list[list[FloatArray]]:
    """For each width the outputs of all levels, joined; as many of each as wanted."""
    places = levels_of([output.shape for output in outputs], size, anchors)
    if places is None or any(len(places[w]) != n * len(USUAL_STRIDES) for w, n in wanted.items()):
        kinds = " and ".join(f"{count} x (cells, {width})" for width, count in wanted.items())
        raise ValueError(
            f"expected outputs {kinds} for each of the strides {', '.join(map(str, USUAL_STRIDES))} of an input of "
            f"{size[0]} x {size[1]}; got {[output.shape for output in outputs]}"
        )
    joined = []
    for width, count in wanted.items():
        found = [outputs[i] for i in places[width]]
        # All of one level stand together, so each count-th one is of another level.
        joined.append([np.concatenate(found[first::count]) for first in range(count)])
    return joined


def _points(offsets: FloatArray, cells: FloatArray, strides: FloatArray) -> FloatArray:
    """(N, 5, 3): x, y in pixels of the input; the models give no score for each, so 1."""
    placed = (offsets.reshape(-1, POINTS, 2) + cells[:, None]) * strides[:, None]
    return np.concatenate([placed, np.ones((len(placed), POINTS, 1), np.float32)], axis=-1).astype(np.float32)
