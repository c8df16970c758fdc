"""ONNX Runtime sessions whose device is checked, not hoped for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import CamrecError
from inference.agreement import same_results
from inference.buckets import Part, buckets_to, in_buckets, of_size
from inference.engines import engine_folder, sole_builder, tidy_engines
from inference.gpu import (
    CPU,
    CUDA,
    TENSORRT,
    DeviceError,
    Gpu,
    Precision,
    cuda_provider,
    is_of_the_device,
    load_libraries,
    tensorrt_provider,
    unusable,
    way_out,
)
from inference.model_runs import noted_run
from inference.shapes import Shape, fits, show_shape

_log = logging.getLogger(__name__)

_SIZE_TYPES: dict[str, type[np.generic]] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}


class ModelError(CamrecError):
    """A model file is missing, broken or not of the shape that its decoder reads."""


class ModelSession:
    """One loaded model with one input, and perhaps one for the size of the picture. Safe for threads."""

    def __init__(self, session: Any, path: Path, largest_batch: int | None = None) -> None:
        """Of ONNX Runtime's session.

        Args:
            session: it.
            path: what it was loaded from.
            largest_batch: where batches are run in buckets, the largest of them; None: as they are.

        Raises:
            ModelError: its inputs are others.
        """
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
        self.on_gpu = session.get_providers()[0] in {CUDA, TENSORRT}
        self.input_type = np.dtype(_numpy_type(path, pictures[0].type))
        self.input_name = pictures[0].name
        # What does not grow with the batch, e.g. a list of all that was found, cannot be cut to it again.
        self._largest_batch = largest_batch if all(shape and shape[0] is None for shape in self.output_shapes) else None

    @property
    def metadata(self) -> dict[str, str]:
        """What the exporter wrote into the file, e.g. the alphabet of a text recogniser."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Run a batch of any size; a model with a static batch is run once for each part of that size.

        Args:
            batch: (N, …) of the model's input type.

        Returns:
            One array (N, …) for each output.

        Raises:
            ModelError: the batch does not fit the model's input, or the model fails on it.
            DeviceError: the GPU failed.
        """
        self._check(batch.shape)
        results = [self._run(batch[part.start : part.stop], part.size) for part in self._parts(len(batch))]
        return results[0] if len(results) == 1 else [np.concatenate(outputs) for outputs in zip(*results, strict=True)]

    @property
    def takes_one_size(self) -> bool:
        """It has one input, of which at most the batch is free."""
        return self._size is None and None not in self.input_shape[1:]

    def _parts(self, items: int) -> list[Part]:
        static = self.input_shape[0]
        if static is not None:
            return of_size(items, static)
        return [Part(0, items, items)] if self._largest_batch is None else in_buckets(items, self._largest_batch)

    def _run(self, batch: npt.NDArray[Any], size: int) -> list[npt.NDArray[Any]]:
        items = len(batch)
        if items < size:
            batch = np.concatenate([batch, np.zeros((size - items, *batch.shape[1:]), batch.dtype)])
        try:
            with noted_run(self.path.stem, items):
                outputs: list[npt.NDArray[Any]] = self._session.run(None, self._feed(batch))
        except Exception as error:  # ONNX Runtime's have no class in common
            found = _first_line(error)
            if self.on_gpu and is_of_the_device(str(error)):
                raise DeviceError(f"{self.path.name} failed on the GPU: {found}{way_out(str(error))}") from error
            raise ModelError(
                f"{self.path.name} failed on a batch of shape {show_shape(batch.shape)}: {found}"
            ) from error
        return outputs if items == size else [output[:items] for output in outputs]

    def _feed(self, batch: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """A model that asks for the size of the picture gets that of its input (NCHW): boxes are in its pixels then."""
        feed = {self.input_name: batch}
        if self._size is not None:
            name, size_type = self._size
            feed[name] = np.tile(np.array([batch.shape[3], batch.shape[2]], size_type), (len(batch), 1))
        return feed

    def warm_up(self, *free: int) -> None:
        """Run on zeros, so that the first real batches do not pay for memory plans and GPU kernels.

        Args:
            free: sizes for the input's free dimensions, in order; the batch is 1, on a GPU each bucket.
        """
        rest = iter(free)
        sizes = [size or next(rest) for size in self.input_shape[1:]]
        is_bucketed = self._largest_batch is not None and self.input_shape[0] is None
        for batch in buckets_to(self._largest_batch or 1) if is_bucketed else [1]:
            self.run(np.zeros((batch, *sizes), self.input_type))

    def _check(self, shape: tuple[int, ...]) -> None:
        expected = (None, *self.input_shape[1:])
        if not fits(shape, expected) or shape[0] == 0:
            raise ModelError(
                f"{self.path.name} takes an input of shape {show_shape(expected)}, got {show_shape(shape)}."
            )


def open_session(
    path: Path,
    *,
    gpu: Gpu | None,
    threads: int,
    input_shape: Sequence[int | None] | None = None,
    output_shape: Sequence[int | None] | None = None,
    values: tuple[float, float] = (0.0, 1.0),
) -> ModelSession:
    """Load a model.

    Args:
        path: the ONNX file.
        gpu: the GPU to run on; None: the CPU.
        threads: CPU threads for one run.
        input_shape: what the caller feeds, None where it may be anything.
        output_shape: what the caller decodes, of the first output.
        values: least and largest that pictures have in the input, to compare precisions by.

    Raises:
        ModelError: the file is missing, is no ONNX model or has other shapes.
        DeviceError: the GPU was asked for and ONNX Runtime cannot run on it.
    """
    if not path.is_file():
        raise ModelError(
            f"No model file {path}. `camrec models list` shows what is there, `camrec models pull` fetches."
        )
    model = _load(path, threads, None, [CPU]) if gpu is None else _load_on_gpu(path, threads, gpu, values)
    _expect(path, "an input", input_shape, model.input_shape)
    _expect(path, "an output", output_shape, model.output_shapes[0])
    _log.info("%s runs on %s, %d threads", path.name, "the CPU" if gpu is None else f"GPU {gpu.number}", threads)
    if model.input_shape[0] == 1:
        _log.info("%s has a static batch of 1: the frames of a batch are run one after another", path.name)
    return model


def _load_on_gpu(path: Path, threads: int, gpu: Gpu, values: tuple[float, float]) -> ModelSession:
    providers = [cuda_provider(gpu), CPU]
    if gpu.provider == "cuda":
        return _load(path, threads, gpu, providers)
    reference = _load(path, threads, None, [CPU])
    if not reference.takes_one_size:
        # TensorRT would build an engine, for a minute, at each new size.
        _log.info("%s takes pictures of any size: it runs by CUDA in place of TensorRT", path.name)
        return _load(path, threads, gpu, providers)
    try:
        model = _load_by_tensorrt(reference, threads, gpu, gpu.precision)
        if gpu.precision == "fp16" and not same_results(reference, model, values):
            model = _load_by_tensorrt(reference, threads, gpu, "fp32")
    except ModelError as error:
        _log.warning("%s runs by CUDA in place of TensorRT: %s", path.name, error)
        return _load(path, threads, gpu, providers)
    if gpu.engines is not None:
        tidy_engines(gpu.engines)
    return model


def _load_by_tensorrt(reference: ModelSession, threads: int, gpu: Gpu, precision: Precision) -> ModelSession:
    import onnxruntime

    path = reference.path
    folder = None if gpu.engines is None else engine_folder(gpu.engines, path, precision, onnxruntime.__version__)
    sizes = [size for size in reference.input_shape[1:] if size is not None]
    first = tensorrt_provider(
        gpu, precision, folder, reference.input_name, sizes, has_free_batch=reference.input_shape[0] is None
    )
    _log.info("%s: its TensorRT engine is loaded; where there is none yet, that takes minutes", path.name)
    with sole_builder(folder):
        return _load(path, threads, gpu, [first, cuda_provider(gpu), CPU])


def _load(path: Path, threads: int, gpu: Gpu | None, providers: Sequence[Any]) -> ModelSession:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    if gpu is not None:
        load_libraries(onnxruntime, gpu)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Several sessions share the cores: a thread that spins while it waits takes them from the one that works.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # Without its own fall back, which would go on by CPU after the first failure of the GPU, and only print so.
        session = onnxruntime.InferenceSession(path, options, providers=list(providers), enable_fallback=False)
    except (
        errors.EPFail,
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    ) as error:
        # Whoever sees health sees the text: file names do, paths are nobody's business.
        found = _first_line(error).replace(str(path), path.name)
        text = str(error).replace(str(path), "")
        # What TensorRT says of a model names TensorRT too; where the GPU itself is at fault, CUDA fails as well.
        if gpu is not None and providers[0][0] != TENSORRT and is_of_the_device(text):
            raise DeviceError(f"{path.name} cannot be loaded on GPU {gpu.number}: {found}{way_out(text)}") from error
        raise ModelError(f"{path.name} cannot be loaded: expected an ONNX model, found {found}") from error
    except (RuntimeError, ValueError) as error:  # of a provider that cannot be set up
        if gpu is None:
            raise
        raise unusable(onnxruntime, gpu, providers[0][0], "refused it", _first_line(error)) from error
    found = session.get_providers()[0]
    if gpu is not None and found != providers[0][0]:  # it only logs that a provider does not load, and takes the next
        raise unusable(onnxruntime, gpu, providers[0][0], f"fell back to {found}")
    return ModelSession(session, path, None if gpu is None else gpu.largest_batch)


def _expect(path: Path, what: str, expected: Sequence[int | None] | None, found: Shape) -> None:
    if expected is not None and not fits(found, expected):
        raise ModelError(
            f"{path.name} cannot be used: expected {what} of shape {show_shape(expected)}, found {show_shape(found)}."
        )


def _shape_of(node: Any) -> Shape:
    return tuple(size if isinstance(size, int) else None for size in node.shape)


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
    return (str(error).strip() or type(error).__name__).splitlines()[0]
