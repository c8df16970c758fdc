from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.looking import look
from inference.proposal import propose
from inference.questions import Answers
from inference.session import DeviceError, ModelError, open_session
from tests.support.tiny_onnx import write_constant, write_identity


@pytest.mark.parametrize("shape", [pytest.param([1, 3], id="static"), pytest.param(["n", 3], id="dynamic")])
def test_a_batch_of_any_size_runs_on_static_and_dynamic_models(tmp_path: Path, shape: list[int | str]) -> None:
    session = open_session(write_identity(tmp_path / "m.onnx", shape), gpu=None, threads=1)
    batch = np.arange(12, dtype=np.float32).reshape(4, 3)

    (output,) = session.run(batch)

    np.testing.assert_array_equal(output, batch)
    assert not session.on_gpu


def test_static_batch_is_logged_once_not_at_each_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    session = open_session(write_identity(tmp_path / "m.onnx", [1, 3]), gpu=None, threads=1)
    for _ in range(3):
        session.run(np.zeros((2, 3), np.float32))
    assert sum("static batch" in record.message for record in caplog.records) == 1


def test_warm_up_fills_free_sizes(tmp_path: Path) -> None:
    session = open_session(write_identity(tmp_path / "m.onnx", ["n", 3, "h", "w"]), gpu=None, threads=1)
    session.warm_up(32, 64)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((2, 4), id="size"),
        pytest.param((2, 3, 1), id="dimensions"),
        pytest.param((0, 3), id="empty"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_by_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    session = open_session(write_identity(tmp_path / "m.onnx", ["n", 3]), gpu=None, threads=1)
    with pytest.raises(ModelError, match=r"takes an input of shape \(any, 3\), got \(" + str(shape[0])):
        session.run(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        pytest.param({"input_shape": [None, 5]}, r"an input of shape \(any, 5\), found \(any, 3\)", id="input"),
        pytest.param({"output_shape": [None, 3, 2]}, r"an output of shape \(any, 3, 2\), found", id="output"),
    ],
)
def test_a_model_of_other_shapes_is_refused_at_load(
    tmp_path: Path, expected: dict[str, list[int | None]], message: str
) -> None:
    path = write_identity(tmp_path / "m.onnx", ["n", 3])
    with pytest.raises(ModelError, match=message):
        open_session(path, gpu=None, threads=1, **expected)


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), pytest.param(b"<html>not found</html>", id="a web page")]
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx cannot be loaded: expected an ONNX model, found"):
        open_session(path, gpu=None, threads=1)


def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"No model file .*none\.onnx.*camrec models pull"):
        open_session(tmp_path / "none.onnx", gpu=None, threads=1)


def test_a_gpu_that_cannot_be_had_is_an_error_not_a_silent_fall_back(tmp_path: Path) -> None:
    path = write_identity(tmp_path / "m.onnx", ["n", 3])
    with pytest.raises(DeviceError, match=r"GPU 97 was asked for.*CAMREC_GPU"):
        open_session(path, gpu=97, threads=1)


def test_a_second_input_gets_the_size_of_the_models_input(tmp_path: Path) -> None:
    boxes = np.array([[[8, 8, 40, 40], [0, 0, 9, 9]]], np.float32)
    labels, scores = np.array([[1, 0]], np.float32), np.array([[0.9, 0.05]], np.float32)
    path = write_constant(tmp_path / "dfine.onnx", [1, 3, 64, 64], [labels, boxes, scores], takes_size=True)
    session = open_session(path, gpu=None, threads=1)
    assert session.input_shape == (1, 3, 64, 64)
    entry = propose(path, Answers(labels=("car", "person"))).entry
    assert entry.decoder == "detr_boxes"
    (found,) = look(session, entry, np.zeros((128, 128, 3), np.uint8)).detections
    assert (found.label, found.box) == ("person", (16.0, 16.0, 80.0, 80.0))
