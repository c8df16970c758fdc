"""What is told from a file, what is asked for, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import CamrecError
from inference.proposal import propose
from inference.questions import Answers, UnansweredError
from inference.session import ModelError
from tests.support.tiny_onnx import write_constant, write_identity

SIDE = 64
CELLS = 64 + 16 + 4
PICTURES = [1, 3, SIDE, SIDE]
COLOURS = "{0: 'red', 1: 'green', 2: 'blue'}"


def rows(count: int, classes: int, *, far: bool) -> np.ndarray:
    """Box, objectness and classes; centres in pixels (far) or relative to cells."""
    chance = np.random.default_rng(1)
    boxes = chance.uniform(0, SIDE if far else 1, (count, 4))
    return np.hstack([boxes, chance.random((count, 1 + classes))]).astype(np.float32)[None]


def columns(classes: int, points: int = 0) -> np.ndarray:
    chance = np.random.default_rng(1)
    values = [chance.uniform(0, SIDE, (4, CELLS)), chance.random((classes, CELLS))]
    return np.vstack([*values, chance.uniform(2, SIDE, (3 * points, CELLS))]).astype(np.float32)[None]


END_TO_END = np.array([[[1, 2, 30, 40, 0.9, 2]] * 5], np.float32)


@pytest.mark.parametrize(
    ("outputs", "metadata", "answers", "decoder"),
    [
        pytest.param([columns(3)], {"names": COLOURS, "task": "detect"}, Answers(), "yolov8", id="ultralytics detect"),
        pytest.param([columns(1, 3)], {"names": "{0: 'person'}", "task": "pose"}, Answers(), "yolov8_pose", id="pose"),
        pytest.param([END_TO_END], {"names": COLOURS, "task": "detect"}, Answers(), "end_to_end", id="yolov10"),
        pytest.param([rows(CELLS, 3, far=False)], {}, Answers(labels=("a", "b", "c")), "yolox", id="yolox raw"),
        pytest.param([rows(CELLS, 3, far=True)], {}, Answers(labels=("a", "b", "c")), "yolov5", id="yolox decoded"),
        pytest.param([rows(3 * CELLS, 3, far=True)], {}, Answers(labels=("a", "b", "c")), "yolov5", id="yolov5"),
        pytest.param(
            [np.zeros((1, 8, 4, 4), np.float32)], {}, Answers(labels=("a", "b", "c")), "fastestdet", id="fastestdet"
        ),
        pytest.param(
            [np.zeros((1, 30, 3), np.float32), np.full((1, 30, 4), 0.5, np.float32)],
            {"labels": "a, b, c"},
            Answers(),
            "detr",
            id="rt-detr",
        ),
        pytest.param([np.ones((1, 512), np.float32)], {}, Answers(task="embedding"), "embedding", id="embedding"),
        pytest.param([np.ones((1, 3), np.float32)], {"names": COLOURS}, Answers(), "frame_classes", id="classifier"),
        pytest.param(
            [np.zeros((1, 17, 128), np.float32), np.zeros((1, 17, 128), np.float32)], {}, Answers(), "simcc", id="simcc"
        ),
        pytest.param([np.zeros((1, 17, 16, 16), np.float32)], {}, Answers(task="pose"), "heatmap", id="heat map"),
        pytest.param([np.zeros((1, 1, 17, 3), np.float32)], {}, Answers(), "movenet", id="movenet"),
    ],
)
def test_the_decoder_is_told_from_shapes_values_and_metadata(
    tmp_path: Path, outputs: list[np.ndarray], metadata: dict[str, str], answers: Answers, decoder: str
) -> None:
    path = write_constant(tmp_path / "My Model.onnx", PICTURES, outputs, metadata=metadata)
    entry = propose(path, answers).entry
    assert (entry.name, entry.decoder, entry.input.size) == ("my_model", decoder, (SIDE, SIDE))


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        pytest.param([1, 3, 16, 32, 32], "NCTHW", id="channels first"),
        pytest.param(["n", 16, 3, 32, 32], "NTCHW", id="time first"),
    ],
)
def test_a_clip_classifier_is_told_by_its_input(tmp_path: Path, shape: list[int | str], layout: str) -> None:
    path = write_constant(tmp_path / "m.onnx", shape, [np.array([[0.2, 0.8]], np.float32)])
    entry = propose(path, Answers(labels=("calm", "fight"))).entry
    assert (entry.decoder, entry.input.layout, entry.input.size) == ("clip_classes", layout, (32, 32))


def test_the_size_comes_from_the_metadata_where_the_graph_leaves_it_free(tmp_path: Path) -> None:
    metadata = {"imgsz": "[64, 64]", "names": COLOURS, "task": "detect"}
    path = write_constant(tmp_path / "m.onnx", ["n", 3, "h", "w"], [columns(3)], metadata=metadata)
    entry = propose(path, Answers()).entry
    assert entry.input.shape == (None, 3, 64, 64)
    assert entry.labels == ("red", "green", "blue")


@pytest.mark.parametrize("kind", [np.uint8, np.float16])
def test_the_type_of_the_input_is_followed(tmp_path: Path, kind: type[np.generic]) -> None:
    path = write_constant(tmp_path / "m.onnx", PICTURES, [columns(1)], input_type=kind)
    proposal = propose(path, Answers(labels=("person",), decoder="yolov8"))
    assert ("--normalisation raw" in proposal.assumed) == (kind is np.uint8)


@pytest.mark.parametrize(
    ("outputs", "questions"),
    [
        pytest.param([columns(3)], ["labels"], id="labels"),
        pytest.param([np.ones((1, 512), np.float32)], ["decoder"], id="embedding or classes"),
    ],
)
def test_what_cannot_be_told_is_asked_for(tmp_path: Path, outputs: list[np.ndarray], questions: list[str]) -> None:
    path = write_constant(tmp_path / "m.onnx", PICTURES, outputs)
    with pytest.raises(UnansweredError) as caught:
        propose(path, Answers())
    assert [question.option for question in caught.value.questions] == questions


@pytest.mark.parametrize(
    ("outputs", "answers", "message"),
    [
        pytest.param(
            [np.zeros((1, 3, 64, 64), np.float32)], Answers(), r"found outputs \(1, 3, 64, 64\)", id="a picture"
        ),
        pytest.param([columns(3)], Answers(decoder="detr"), r"expected, after the batch: detr \(queries", id="decoder"),
        pytest.param([columns(3)], Answers(labels=("a",)), "3 classes, but 1 labels", id="labels"),
        pytest.param([columns(3) + 7], Answers(), "cannot be used", id="no probabilities"),
    ],
)
def test_what_cannot_be_run_is_refused_with_what_was_found(
    tmp_path: Path, outputs: list[np.ndarray], answers: Answers, message: str
) -> None:
    path = write_constant(tmp_path / "m.onnx", PICTURES, outputs)
    with pytest.raises(CamrecError, match=message):
        propose(path, answers)


def test_an_input_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected an input of pictures .* found \(any, 7\)"):
        propose(write_identity(tmp_path / "m.onnx", ["n", 7]), Answers())


def test_a_task_that_no_decoder_does_is_refused(tmp_path: Path) -> None:
    path = write_constant(tmp_path / "m.onnx", PICTURES, [columns(3)], metadata={"task": "obb"})
    with pytest.raises(ModelError, match="expected a model for detect, pose, classify, found one for obb"):
        propose(path, Answers())
