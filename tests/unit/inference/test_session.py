from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from inference.agreement import same_results
from inference.gpu import CPU, CUDA, TENSORRT, DeviceError, Gpu
from inference.looking import look
from inference.proposal import propose
from inference.questions import Answers
from inference.session import ModelError, ModelSession, open_session
from tests.support.tiny_onnx import write_constant, write_identity

HAS_GPU = Path("/dev/nvidiactl").exists()
HAS_CUDA_BUILT_IN = CUDA in onnxruntime.get_available_providers()


class Counted(onnxruntime.InferenceSession):  # type: ignore[misc]
    """A real session that notes the sizes of its batches."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.sizes: list[int] = []

    def run(self, names: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.sizes.append(len(feed["x"]))
        return list(super().run(names, feed))


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


def test_a_gpu_that_cannot_be_had_is_an_error_not_a_silent_fall_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_identity(tmp_path / "m.onnx", ["n", 3])
    with pytest.raises(DeviceError, match=r"GPU 97 was asked for.*(pip install|Install onnxruntime-gpu).*CAMREC_GPU"):
        open_session(path, gpu=Gpu(97), threads=1)
    assert capsys.readouterr().out == "", "whoever asked for JSON gets nothing else"


@pytest.mark.skipif(HAS_GPU, reason="this machine may have CUDA")
@pytest.mark.skipif(not HAS_CUDA_BUILT_IN, reason="this ONNX Runtime names no libraries of CUDA")
def test_the_library_that_is_missing_is_named(tmp_path: Path) -> None:
    path = write_identity(tmp_path / "m.onnx", ["n", 3])
    with pytest.raises(DeviceError, match=r"\(lib\w+\.so[.\d]*: cannot open shared object file"):
        open_session(path, gpu=Gpu(0), threads=1)


@pytest.mark.skipif(not HAS_CUDA_BUILT_IN, reason="the GPU is refused before the file is read")
def test_a_broken_file_is_not_the_gpus_fault_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "cuda").mkdir()
    path = tmp_path / "cuda" / "broken.onnx"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelError, match=r"broken\.onnx cannot be loaded: expected an ONNX model"):
        open_session(path, gpu=Gpu(0), threads=1)


class OnGpu(onnxruntime.InferenceSession):  # type: ignore[misc]
    """A real session that says it runs on a GPU; TensorRT takes no model."""

    def __init__(self, path: Path, options: Any = None, providers: Any = None, **_: Any) -> None:
        if providers[0][0] == TENSORRT:
            raise errors.EPFail("TensorRT EP failed to create engine from network for fused node: g_0")
        super().__init__(path, options, providers=[CPU])
        self.asked = providers[0] if isinstance(providers[0], str) else providers[0][0]

    def get_providers(self) -> list[str]:
        return [self.asked]


def test_a_model_that_tensorrt_refuses_runs_by_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(onnxruntime, "InferenceSession", OnGpu)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    path = write_identity(tmp_path / "m.onnx", ["n", 3])
    assert open_session(path, gpu=Gpu(0, "tensorrt", "fp16"), threads=1).on_gpu
    assert "m.onnx runs by CUDA in place of TensorRT" in caplog.text


AT_RESHAPE = (
    "Non-zero status code returned while running Reshape node. /onnxruntime_src/core/providers/cuda/reshape.cc:1 "
)


@pytest.mark.parametrize(
    ("told", "expected", "message"),
    [
        pytest.param(
            "CUDA failure 700: illegal address", DeviceError, "failed on the GPU: CUDA failure 700", id="CUDA"
        ),
        pytest.param(
            "Available memory of 0 is smaller than requested bytes of 9", DeviceError, "CAMREC_GPU_MEMORY", id="limit"
        ),
        pytest.param("CUDA failure 2: out of memory", DeviceError, "Lower CAMREC_MAX_BATCH", id="memory"),
        pytest.param(
            "CUDA failure 35: CUDA driver version is insufficient", DeviceError, "driver 580 or newer", id="driver"
        ),
        pytest.param(AT_RESHAPE, ModelError, r"m\.onnx failed on a batch of shape \(1, 3\): Non-zero", id="model"),
        pytest.param("", ModelError, "RuntimeException", id="no text"),
    ],
)
def test_a_batch_that_fails_is_told_as_the_gpus_or_the_models_fault(
    told: str, expected: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise errors.RuntimeException(told)

    path = write_identity(tmp_path / "m.onnx", ["n", 3])
    session = OnGpu(path, providers=[CUDA])
    monkeypatch.setattr(session, "run", fail)
    with pytest.raises(expected, match=message):
        ModelSession(session, path, 16).warm_up()


def test_tensorrt_that_cannot_be_had_names_what_it_needs(tmp_path: Path) -> None:
    path = write_identity(tmp_path / "m.onnx", ["n", 3])
    with pytest.raises(DeviceError, match=r"asked for.*(TensorRT 10|Install onnxruntime-gpu).*CAMREC_GPU"):
        open_session(path, gpu=Gpu(0, "tensorrt", "fp16", engines=tmp_path / "engines"), threads=1)


def test_numbers_of_gpus_are_told_to_count_within_those_that_are_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    path = write_identity(tmp_path / "m.onnx", ["n", 3])
    with pytest.raises(DeviceError, match=r"CUDA_VISIBLE_DEVICES=3|Install onnxruntime-gpu"):
        open_session(path, gpu=Gpu(0), threads=1)


@pytest.mark.parametrize(
    ("shape", "largest", "sizes"),
    [
        pytest.param(["n", 3], None, [7], id="as it is"),
        pytest.param(["n", 3], 16, [8], id="filled up to a bucket"),
        pytest.param(["n", 3], 4, [4, 4], id="in parts"),
        pytest.param([3, 3], None, [3, 3, 3], id="a static batch is filled up"),
        pytest.param([1, 3], 16, [1] * 7, id="a static batch of one"),
    ],
)
def test_batches_are_run_in_the_sizes_that_suit_and_come_back_as_they_were(
    tmp_path: Path, shape: list[int | str], largest: int | None, sizes: list[int]
) -> None:
    counted = Counted(write_identity(tmp_path / "m.onnx", shape), providers=["CPUExecutionProvider"])
    session = ModelSession(counted, tmp_path / "m.onnx", largest)
    batch = np.arange(21, dtype=np.float32).reshape(7, 3)

    (output,) = session.run(batch)

    np.testing.assert_array_equal(output, batch)
    assert counted.sizes == sizes


@pytest.mark.parametrize(
    ("shape", "largest", "sizes"),
    [
        pytest.param(["n", 3], None, [1], id="CPU"),
        pytest.param(["n", 3], 8, [1, 2, 4, 8], id="each bucket of a GPU"),
        pytest.param([1, 3], 8, [1], id="static"),
    ],
)
def test_warm_up_runs_every_size_that_will_come(
    tmp_path: Path, shape: list[int | str], largest: int | None, sizes: list[int]
) -> None:
    counted = Counted(write_identity(tmp_path / "m.onnx", shape), providers=["CPUExecutionProvider"])
    ModelSession(counted, tmp_path / "m.onnx", largest).warm_up()
    assert counted.sizes == sizes


def test_outputs_that_do_not_grow_with_the_batch_are_never_cut(tmp_path: Path) -> None:
    path = write_constant(tmp_path / "m.onnx", ["n", 3], [np.ones((2, 7), np.float32)])
    session = ModelSession(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]), path, 16)
    (output,) = session.run(np.zeros((3, 3), np.float32))
    assert output.shape == (2, 7)


@pytest.mark.parametrize(
    ("value", "is_same"),
    [
        pytest.param(1.0, True, id="equal"),
        pytest.param(1.01, True, id="rounded"),
        pytest.param(1.2, False, id="far"),
        pytest.param(np.nan, False, id="no number"),
        pytest.param(np.inf, False, id="overflow"),
    ],
)
def test_half_precision_is_refused_where_it_differs_too_much(
    tmp_path: Path, value: float, is_same: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def constant(name: str, values: list[float]) -> ModelSession:
        path = write_constant(tmp_path / name, ["n", 3], [np.array([values], np.float32)])
        return open_session(path, gpu=None, threads=1)

    assert same_results(constant("fp32.onnx", [1.0, -0.5]), constant("fp16.onnx", [value, -0.5])) is is_same
    assert ("fp32.onnx runs in fp32" in caplog.text) is not is_same


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
