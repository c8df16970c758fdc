"""Each decoder beside a slow one, written cell by cell from the format's definition."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from inference.decoders import detr, end_to_end, fastestdet, nanodet, yolov5, yolov8, yolox
from inference.decoders.boxes import Boxes, best_first, without_overlaps
from inference.decoders.detectors import DETECTORS

SIZE = (96, 64)
CLASSES = 3
LEAST = 0.3

Row = tuple[float, float, float, float, float, int]
"""x1, y1, x2, y2, score, class."""


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def around(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def cells(strides: Sequence[int]) -> list[tuple[int, int, int]]:
    """Column, row and stride of each cell: level by level, row by row."""
    width, height = SIZE
    return [(x, y, s) for s in strides for y in range(height // s) for x in range(width // s)]


def random(shape: tuple[int, ...], low: float = 0.0, high: float = 1.0, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def yolox_case() -> tuple[list[np.ndarray], list[Row]]:
    grid = cells((8, 16, 32))
    output = np.hstack([random((len(grid), 4), -1, 1), random((len(grid), 1 + CLASSES), seed=2)])
    rows: list[Row] = []
    for (column, row, stride), (x, y, w, h, objectness, *classes) in zip(grid, output.tolist(), strict=True):
        box = around((x + column) * stride, (y + row) * stride, math.exp(w) * stride, math.exp(h) * stride)
        rows.append((*box, objectness * max(classes), classes.index(max(classes))))
    return [output], rows


def yolov5_case() -> tuple[list[np.ndarray], list[Row]]:
    output = np.hstack([random((60, 4), 5, 90), random((60, 1 + CLASSES), seed=2)])
    rows: list[Row] = [
        (*around(x, y, w, h), objectness * max(classes), classes.index(max(classes)))
        for x, y, w, h, objectness, *classes in output.tolist()
    ]
    return [output], rows


def yolov8_case() -> tuple[list[np.ndarray], list[Row]]:
    output = np.vstack([random((4, 126), 5, 90), random((CLASSES, 126), seed=2)])
    rows: list[Row] = [
        (*around(x, y, w, h), max(classes), classes.index(max(classes))) for x, y, w, h, *classes in output.T.tolist()
    ]
    return [output], rows


def end_to_end_case() -> tuple[list[np.ndarray], list[Row]]:
    output = np.hstack([random((20, 4), 0, 90), random((20, 1), seed=2), np.arange(20)[:, None] % CLASSES])
    rows: list[Row] = [(x1, y1, x2, y2, score, int(c)) for x1, y1, x2, y2, score, c in output.tolist()]
    return [output.astype(np.float32)], rows


def nanodet_case(*, plus: bool) -> tuple[list[np.ndarray], list[Row]]:
    """Distances are the means of softmax distributions over 0 … 7 strides, from the middle of the cell.

    NanoDet-Plus measures from the cell's corner and has all levels in one output.
    """
    levels = [cells((stride,)) for stride in (8, 16, 32)]
    scores = [random((len(level), CLASSES), seed=i) for i, level in enumerate(levels)]
    distances = [random((len(level), 32), -2, 2, seed=9 + i) for i, level in enumerate(levels)]
    rows: list[Row] = []
    for level, chances, logits in zip(levels, scores, distances, strict=True):
        for (column, row, stride), classes, bins in zip(level, chances.tolist(), logits.tolist(), strict=True):
            sides = []
            for side in range(4):
                weights = [math.exp(value) for value in bins[8 * side : 8 * side + 8]]
                sides.append(stride * sum(i * w for i, w in enumerate(weights)) / sum(weights))
            x, y = ((c + (0 if plus else 0.5)) * stride for c in (column, row))
            left, top, right, bottom = sides
            box = max(x - left, 0), max(y - top, 0), min(x + right, SIZE[0]), min(y + bottom, SIZE[1])
            rows.append((*box, max(classes), classes.index(max(classes))))
    if plus:
        return [np.hstack([np.concatenate(scores), np.concatenate(distances)])], rows
    # In the wrong order, as some exports have them.
    return [distances[2], scores[0], distances[1], distances[0], scores[2], scores[1]], rows


def fastestdet_case() -> tuple[list[np.ndarray], list[Row]]:
    rows_, columns = SIZE[1] // 16, SIZE[0] // 16
    output = np.concatenate([random((1, rows_, columns)), random((4, rows_, columns), -1, 1, 2)])
    output = np.concatenate([output, random((CLASSES, rows_, columns), seed=3)])
    rows: list[Row] = []
    for y in range(rows_):
        for x in range(columns):
            objectness, dx, dy, w, h, *classes = output[:, y, x].tolist()
            centre = (x + math.tanh(dx)) / columns * SIZE[0], (y + math.tanh(dy)) / rows_ * SIZE[1]
            box = around(*centre, sigmoid(w) * SIZE[0], sigmoid(h) * SIZE[1])
            rows.append((*box, objectness**0.6 * max(classes) ** 0.4, classes.index(max(classes))))
    return [output], rows


def detr_case(*, boxes_first: bool, classes: int = CLASSES) -> tuple[list[np.ndarray], list[Row]]:
    logits, boxes = random((30, classes), -6, 2), random((30, 4), 0.1, 0.9, 2)
    rows: list[Row] = []
    for several, (x, y, w, h) in zip(logits.tolist(), boxes.tolist(), strict=True):
        box = around(x * SIZE[0], y * SIZE[1], w * SIZE[0], h * SIZE[1])
        rows.append((*box, sigmoid(max(several)), several.index(max(several))))
    return [boxes, logits] if boxes_first else [logits, boxes], rows


def detr_softmax_case() -> tuple[list[np.ndarray], list[Row]]:
    logits, boxes = random((30, CLASSES + 1), -2, 4), random((30, 4), 0.1, 0.9, 2)
    rows: list[Row] = []
    for several, (x, y, w, h) in zip(logits.tolist(), boxes.tolist(), strict=True):
        total = sum(math.exp(v) for v in several)
        chances = [math.exp(v) / total for v in several[:-1]]
        box = around(x * SIZE[0], y * SIZE[1], w * SIZE[0], h * SIZE[1])
        rows.append((*box, max(chances), chances.index(max(chances))))
    return [logits, boxes], rows


def detr_boxes_case(order: tuple[int, int, int]) -> tuple[list[np.ndarray], list[Row]]:
    labels, scores, boxes = np.arange(30) % CLASSES, random((30,), 0.05, 0.95), random((30, 4), 0, 60)
    rows: list[Row] = [
        (*box, score, label) for box, score, label in zip(boxes.tolist(), scores.tolist(), labels.tolist(), strict=True)
    ]
    outputs = [labels.astype(np.float32), boxes, scores]
    return [outputs[i] for i in order], rows


CASES: list[tuple[str, Callable[..., Boxes], Callable[[], tuple[list[np.ndarray], list[Row]]]]] = [
    ("yolox", yolox.decode, yolox_case),
    ("yolov5", yolov5.decode, yolov5_case),
    ("yolov8", yolov8.decode, yolov8_case),
    ("end to end", end_to_end.decode, end_to_end_case),
    ("nanodet, outputs in disorder", nanodet.decode, lambda: nanodet_case(plus=False)),
    ("nanodet-plus, one output", nanodet.decode, lambda: nanodet_case(plus=True)),
    ("fastestdet", fastestdet.decode, fastestdet_case),
    ("rt-detr, d-fine", detr.decode, lambda: detr_case(boxes_first=False)),
    ("rf-detr", detr.decode, lambda: detr_case(boxes_first=True)),
    ("detr, softmax", detr.decode_softmax, detr_softmax_case),
    ("d-fine with its postprocessor", detr.decode_boxes, lambda: detr_boxes_case((0, 1, 2))),
    ("the same, outputs in disorder", detr.decode_boxes, lambda: detr_boxes_case((2, 1, 0))),
    ("detr with four classes", detr.decode, lambda: detr_case(boxes_first=True, classes=4)),
]


@pytest.mark.parametrize(("decode", "case"), [pytest.param(d, c, id=name) for name, d, c in CASES])
def test_boxes_scores_and_classes_are_those_of_the_definition(
    decode: Callable[..., Boxes], case: Callable[[], tuple[list[np.ndarray], list[Row]]]
) -> None:
    outputs, rows = case()
    expected = sorted((row for row in rows if row[4] >= LEAST), key=lambda row: -row[4])
    assert 3 < len(expected) < len(rows), "the case shows both what is kept and what is not"

    found = best_first(decode(outputs, SIZE, LEAST))

    np.testing.assert_allclose(found.boxes, [row[:4] for row in expected], atol=1e-3)
    np.testing.assert_allclose(found.scores, [row[4] for row in expected], atol=1e-5)
    assert found.classes.tolist() == [row[5] for row in expected]


@pytest.mark.parametrize(
    ("decode", "outputs"),
    [
        pytest.param(yolov8.decode_pose, lambda row: [np.array([row], np.float32).T], id="yolov8 pose"),
        pytest.param(
            end_to_end.decode,
            lambda row: [np.array([[20, 10, 60, 50, 0.9, 0, *row[5:]]], np.float32)],
            id="end to end pose",
        ),
    ],
)
def test_points_come_with_their_box(
    decode: Callable[..., Boxes], outputs: Callable[[list[float]], list[np.ndarray]]
) -> None:
    found = decode(outputs([40, 30, 40, 40, 0.9, 41, 12, 0.8, 33, 47, 0.2]), SIZE, LEAST)
    np.testing.assert_allclose(found.boxes, [[20, 10, 60, 50]])
    assert found.points is not None
    np.testing.assert_allclose(found.points, [[[41, 12, 0.8], [33, 47, 0.2]]])


@pytest.mark.parametrize("name", list(DETECTORS))
def test_another_layout_is_refused_with_what_was_expected(name: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        DETECTORS[name].decode([np.zeros((2, 3, 4, 5), np.float32)] * 3, SIZE, LEAST)


@pytest.mark.parametrize(
    "name", [n for n in DETECTORS if n not in {"detr", "detr_softmax", "detr_boxes", "scrfd", "yunet"}]
)
def test_a_picture_with_nothing_gives_no_boxes(name: str) -> None:
    cases: dict[str, Callable[[], tuple[list[np.ndarray], list[Row]]]] = {
        "yolox": yolox_case, "yolov5": yolov5_case, "yolov8": yolov8_case, "end_to_end": end_to_end_case,
        "nanodet": lambda: nanodet_case(plus=False), "fastestdet": fastestdet_case,
        "yolov8_pose": lambda: ([np.zeros((56, 126), np.float32)], []),
    }  # fmt: skip
    outputs, _ = cases[name]()
    found = DETECTORS[name].decode([output * 0 for output in outputs], SIZE, LEAST)
    assert len(without_overlaps(found, 0.5)) == 0
    assert found.boxes.shape == (0, 4)


def test_of_overlapping_boxes_of_a_class_the_best_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [40, 0, 50, 10]], np.float32)
    found = Boxes(boxes, np.array([0.5, 0.9, 0.6, 0.7], np.float32), np.array([0, 0, 1, 0]))
    kept = without_overlaps(found, 0.5)
    np.testing.assert_allclose(kept.scores, [0.9, 0.7, 0.6])
    assert kept.classes.tolist() == [0, 0, 1]


def test_a_grid_that_fits_no_levels_is_refused_with_the_number_of_cells() -> None:
    with pytest.raises(ValueError, match=r"96 x 64 pixels, 126 with strides 8, 16, 32; got 127"):
        yolox.decode([np.zeros((127, 8), np.float32)], SIZE, LEAST)
