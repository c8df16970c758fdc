"""SCRFD and YuNet beside decoders written cell by cell from their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference.decoders.boxes import Boxes
from inference.decoders.faces import decode_scrfd, decode_yunet
from inference.images import FloatArray
from inference.looking import look
from inference.proposal import propose
from inference.questions import Answers
from inference.session import open_session
from tests.support.tiny_onnx import write_constant

SIZE = (96, 64)
STRIDES = (8, 16, 32)
RNG = np.random.default_rng(5)

Face = tuple[float, list[float], list[float]]
"""Score, x1, y1, x2, y2, and the ten numbers of the landmarks."""


def cells(stride: int) -> int:
    return (SIZE[0] // stride) * (SIZE[1] // stride)


def scrfd_outputs() -> list[FloatArray]:
    """In the order of insightface: all scores, all boxes, all landmarks."""
    scores = [RNG.random((cells(s) * 2, 1)) ** 4 for s in STRIDES]
    sides = [RNG.random((cells(s) * 2, 4)) * 4 for s in STRIDES]
    points = [RNG.normal(0, 2, (cells(s) * 2, 10)) for s in STRIDES]
    return [o.astype(np.float32) for o in (*scores, *sides, *points)]


def yunet_outputs() -> list[FloatArray]:
    """In the order of OpenCV: cls, obj, bbox, kps."""
    chances = [RNG.random((cells(s), 1)) for s in (*STRIDES, *STRIDES)]
    boxes = [RNG.normal(0, 1, (cells(s), 4)) for s in STRIDES]
    points = [RNG.normal(0, 2, (cells(s), 10)) for s in STRIDES]
    return [o.astype(np.float32) for o in (*chances, *boxes, *points)]


def scrfd_by_hand(outputs: list[FloatArray]) -> list[Face]:
    found = []
    for level, stride in enumerate(STRIDES):
        for row in range(cells(stride) * 2):
            cell = row // 2
            x, y = cell % (SIZE[0] // stride) * stride, cell // (SIZE[0] // stride) * stride
            left, top, right, bottom = outputs[3 + level][row] * stride
            box = [x - left, y - top, x + right, y + bottom]
            offsets = outputs[6 + level][row] * stride
            points = [(x, y)[i % 2] + offsets[i] for i in range(10)]
            found.append((float(outputs[level][row, 0]), box, points))
    return found


def yunet_by_hand(outputs: list[FloatArray]) -> list[Face]:
    found = []
    for level, stride in enumerate(STRIDES):
        for cell in range(cells(stride)):
            column, row = cell % (SIZE[0] // stride), cell // (SIZE[0] // stride)
            score = math.sqrt(float(outputs[level][cell, 0]) * float(outputs[3 + level][cell, 0]))
            dx, dy, w, h = outputs[6 + level][cell]
            x, y, width, height = (
                (column + dx) * stride,
                (row + dy) * stride,
                math.exp(w) * stride,
                math.exp(h) * stride,
            )
            box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
            kps = outputs[9 + level][cell]
            points = [((column, row)[i % 2] + kps[i]) * stride for i in range(10)]
            found.append((score, box, points))
    return found


@pytest.mark.parametrize("shuffle", [False, True], ids=["usual order", "any order"])
@pytest.mark.parametrize(
    ("name", "least"), [pytest.param("scrfd", 0.5, id="scrfd"), pytest.param("yunet", 0.7, id="yunet")]
)
def test_faces_are_those_of_the_definition(name: str, least: float, shuffle: bool) -> None:
    make, by_hand, decode = {
        "scrfd": (scrfd_outputs, scrfd_by_hand, decode_scrfd),
        "yunet": (yunet_outputs, yunet_by_hand, decode_yunet),
    }[name]
    outputs = make()
    wanted = [face for face in by_hand(outputs) if face[0] >= least]
    if shuffle:  # kinds of outputs in another order, as other exporters have it; levels stay in theirs
        groups = [outputs[i : i + 3] for i in range(0, len(outputs), 3)]
        outputs = [o for group in reversed(groups) for o in group]
    found = decode(outputs, SIZE, least)
    assert len(found) == len(wanted) > 3
    assert found.points is not None
    np.testing.assert_allclose(found.scores, [score for score, _, _ in wanted], atol=1e-5)
    np.testing.assert_allclose(found.boxes, [box for _, box, _ in wanted], atol=1e-2)
    np.testing.assert_allclose(found.points[..., :2].reshape(-1, 10), [p for _, _, p in wanted], atol=1e-2)


@pytest.mark.parametrize(("make", "decode"), [(scrfd_outputs, decode_scrfd), (yunet_outputs, decode_yunet)])
def test_nothing_is_nothing(make: Callable[[], list[FloatArray]], decode: Callable[..., Boxes]) -> None:
    assert len(decode([output * 0 for output in make()], SIZE, 0.3)) == 0


@pytest.mark.parametrize("decode", [decode_scrfd, decode_yunet])
def test_other_outputs_are_refused(decode: Callable[..., Boxes]) -> None:
    for outputs in (scrfd_outputs()[:-1], [np.zeros((7, 4), np.float32)] * 9, []):
        with pytest.raises(ValueError, match="expected outputs"):
            decode(outputs, SIZE, 0.5)


@pytest.mark.parametrize("has_batch", [True, False], ids=["with batch", "without batch, as insightface exports it"])
def test_a_face_model_is_recognised_by_its_shapes(tmp_path: Path, has_batch: bool) -> None:
    outputs = [np.full_like(o, 0.01) if o.shape[1] == 1 else o for o in scrfd_outputs()]
    outputs[0][10, 0] = 0.9
    path = write_constant(
        tmp_path / "scrfd.onnx", [1, 3, SIZE[1], SIZE[0]], [o[None] if has_batch else o for o in outputs]
    )
    proposal = propose(path, Answers())
    assert (proposal.entry.decoder, proposal.entry.labels) == ("scrfd", ("face",))
    seen = look(open_session(path, gpu=None, threads=1), proposal.entry, np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    assert [d.label for d in seen.detections] == ["face"]
    assert seen.points[0].shape == (5, 3)


def test_yunet_is_recognised_by_its_shapes(tmp_path: Path) -> None:
    outputs = [o[None] for o in yunet_outputs()]
    path = write_constant(tmp_path / "yunet.onnx", [1, 3, SIZE[1], SIZE[0]], outputs)
    entry = propose(path, Answers()).entry
    assert (entry.decoder, entry.labels, entry.input.colour, entry.input.scale) == ("yunet", ("face",), "BGR", 1.0)
