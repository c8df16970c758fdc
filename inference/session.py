"""ONNX Runtime sessions whose device is checked, not hoped for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from core.errors import CamrecError

_log = logging.getLogger(__name__)

Shape = tuple[int | None, ...]
"""None where a size is free."""

_SIZE_TYPES: dict[str, type[np.generic]] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


class ModelError(CamrecError):
    """A model file is missing, broken or not of the shape that its decoder reads."""


class DeviceError(CamrecError):
    """The GPU that was asked for cannot be used."""


class ModelSession:
    """One loaded model with one input, and perhaps one for the size of the picture. Safe for threads."""

    def __init__(self, session: Any, path: Path) -> None:
        inputs = session.get_inputs()
        sizes = [node for node in inputs if len(node.shape) == 2 and node.shape[1] == 2 and node.type in _SIZE_TYPES]
        pictures = [node for node in inputs if node not in sizes]
        if len(pictures) != 1 or len(sizes) > 1:
            found = ", ".join(f"{node.name} {show_shape(_shape_of(node))}" for node in inputs)
            raise ModelError(
                f"{path.name} cannot be used: expected a model with one input, and perhaps one (any, 2) of whole "
                f"numbers for the size of the picture; found {found}."
            )
        self._session = session
        self.path = path
        self.input_shape = _shape_of(pictures[0])
        self._size = None if not sizes else (sizes[0].name, _SIZE_TYPES[sizes[0].type])
        self.output_shapes = tuple(_shape_of(o) for o in session.get_outputs())
        self.on_gpu = session.get_providers()[0] == _CUDA
        self.input_type = np.dtype(_numpy_type(path, pictures[0].type))
        self._input_name = pictures[0].name
        self._runs_singly = self.input_shape[0] == 1

    @property
    def metadata(self) -> dict[str, str]:
        """What the exporter wrote into the file, e.g. the alphabet of a text recogniser."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Run a batch of any size; a model with a static batch of one is run once for each item.

        Args:
            batch: (N, …) of the model's input type.

        Returns:
            One array (N, …) for each output.

        Raises:
            ModelError: the batch does not fit the model's input.
        """
        self._check(batch.shape)
        if not self._runs_singly or len(batch) == 1:
            return cast("list[npt.NDArray[Any]]", self._session.run(None, self._feed(batch)))
        singly = [self._session.run(None, self._feed(batch[i : i + 1])) for i in range(len(batch))]
        return [np.concatenate(outputs) for outputs in zip(*singly, strict=True)]

    def _feed(self, batch: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """A model that asks for the size of the picture gets that of its input (NCHW): boxes are in its pixels then."""
        feed = {self._input_name: batch}
        if self._size is not None:
            name, size_type = self._size
            feed[name] = np.tile(np.array([batch.shape[3], batch.shape[2]], size_type), (len(batch), 1))
        return feed

    def warm_up(self, *free: int) -> None:
        """Run once on zeros, so that the first real batch does not pay for memory plans and GPU kernels.

        Args:
            free: sizes for the input's free dimensions, in order; the batch is 1.
        """
        sizes = iter(free)
        shape = [1 if i == 0 else size or next(sizes) for i, size in enumerate(self.input_shape)]
        self.run(np.zeros(shape, self.input_type))

    def _check(self, shape: tuple[int, ...]) -> None:
        expected = (None, *self.input_shape[1:])
        if not fits(shape, expected) or shape[0] == 0:
            raise ModelError(
                f"{self.path.name} takes an input of shape {show_shape(expected)}, got {show_shape(shape)}."
            )


def open_session(
    path: Path,
    *,
    gpu: int | None,
    threads: int,
    input_shape: Sequence[int | None] | None = None,
    output_shape: Sequence[int | None] | None = None,
) -> ModelSession:
    """Load a model.

    Args:
        path: the ONNX file.
        gpu: number of the GPU to run on; None: the CPU.
        threads: CPU threads for one run.
        input_shape: what the caller feeds, None where it may be anything.
        output_shape: what the caller decodes, of the first output.

    Raises:
        ModelError: the file is missing, is no ONNX model or has other shapes.
        DeviceError: the GPU was asked for and ONNX Runtime cannot run on it.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    if not path.is_file():
        raise ModelError(
            f"No model file {path}. `camrec models list` shows what is there, `camrec models pull` fetches."
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Several sessions share the cores: a thread that spins while it waits takes them from the one that works.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=_providers(onnxruntime, gpu))
    except (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    ) as error:
        # Whoever sees health sees the text: file names do, paths are nobody's business.
        found = _first_line(error).replace(str(path), path.name)
        raise ModelError(f"{path.name} cannot be loaded: expected an ONNX model, found {found}") from error
    if gpu is not None and session.get_providers()[0] != _CUDA:
        raise DeviceError(
            f"GPU {gpu} was asked for, but ONNX Runtime fell back to {session.get_providers()[0]}: it could not load "
            "CUDA, cuDNN or the device. Install the CUDA and cuDNN libraries that onnxruntime-gpu names, check the "
            "number with `nvidia-smi -L`, or unset CAMREC_GPU to run on the CPU."
        )
    model = ModelSession(session, path)
    _expect(path, "an input", input_shape, model.input_shape)
    _expect(path, "an output", output_shape, model.output_shapes[0])
    _log.info("%s runs on %s, %d threads", path.name, f"GPU {gpu}" if model.on_gpu else "the CPU", threads)
    if model.input_shape[0] == 1:
        _log.info("%s has a static batch of 1: the frames of a batch are run one after another", path.name)
    return model


def fits(shape: Sequence[int | None], expected: Sequence[int | None]) -> bool:
    """Whether every size that both know is the same."""
    return len(shape) == len(expected) and all(
        a == b or a is None or b is None for a, b in zip(shape, expected, strict=True)
    )


def _providers(onnxruntime: Any, gpu: int | None) -> list[Any]:
    if gpu is None:
        return [_CPU]
    built_in = onnxruntime.get_available_providers()
    if _CUDA not in built_in:
        raise DeviceError(
            f"GPU {gpu} was asked for, but this ONNX Runtime has only {', '.join(built_in)}. Install onnxruntime-gpu "
            "in place of onnxruntime, or unset CAMREC_GPU to run on the CPU."
        )
    onnxruntime.preload_dlls()
    # Lines of text differ in width: an exhaustive search for the best kernels would halt at each new one.
    return [(_CUDA, {"device_id": gpu, "cudnn_conv_algo_search": "HEURISTIC"}), _CPU]


def _expect(path: Path, what: str, expected: Sequence[int | None] | None, found: Shape) -> None:
    if expected is not None and not fits(found, expected):
        raise ModelError(
            f"{path.name} cannot be used: expected {what} of shape {show_shape(expected)}, found {show_shape(found)}."
        )


def _shape_of(node: Any) -> Shape:
    return tuple(size if isinstance(size, int) else None for size in node.shape)


def show_shape(shape: Sequence[int | None]) -> str:
    """For people."""
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"


def _numpy_type(path: Path, onnx_type: str) -> npt.DTypeLike:
    types: dict[str, npt.DTypeLike] = {
        "tensor(float)": np.float32,
        "tensor(float16)": np.float16,
        "tensor(uint8)": np.uint8,
    }
    if onnx_type not in types:
        raise ModelError(f"{path.name} cannot be used: expected an input of {', '.join(types)}, found {onnx_type}.")
    return types[onnx_type]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
