"""How models run on a GPU: which provider of ONNX Runtime, with which options.

Options: https://onnxruntime.ai/docs/execution-providers/ (CUDA, TensorRT).
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import BadSettingError, CamrecError
from core.settings import Settings
from inference.buckets import bucket_of

CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
CPU = "CPUExecutionProvider"

Precision = Literal["fp32", "fp16"]

_NO_ROOM = ("smaller than requested bytes", "failed to allocate memory", "out of memory")
"""In ONNX Runtime's errors: the arena has reached its limit, or the card has no memory left."""

_OF_THE_DEVICE = ("cuda", "cudnn", "cublas", "tensorrt", "bfcarena", *_NO_ROOM)
"""What ONNX Runtime's errors name where the GPU is at fault, and not the model."""

_ITS_SOURCE = re.compile(r"/onnxruntime_src/\S+")
"""Errors name the file that raised them, that of a shape that does not fit too: core/providers/cuda/…"""

LEAST_DRIVER = 580
"""For CUDA 13: https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html"""

LEAST_LARGEST_BATCH = 16
"""Crops of persons and plates come by the dozen, however few frames a batch has."""

_NAMES = {"cuda": CUDA, "tensorrt": TENSORRT}


class DeviceError(CamrecError):
    """The GPU that was asked for cannot be used."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU and how it is used."""

    number: int
    """As the driver counts, within CUDA_VISIBLE_DEVICES where that is set."""
    provider: Literal["cuda", "tensorrt"] = "cuda"
    precision: Precision = "fp32"
    """Of TensorRT; a model whose fp16 results differ too much runs in fp32 all the same."""
    memory: int | None = None
    """Bytes that one model's tensors may take; None: as many as it wants."""
    largest_batch: int = LEAST_LARGEST_BATCH
    """Longer batches are run in parts. A power of two."""
    engines: Path | None = None
    """Folder of TensorRT's engines, which take minutes to build; None: they are built at each start."""

    @property
    def provider_name(self) -> str:
        """As ONNX Runtime calls it."""
        return _NAMES[self.provider]


def gpu_of(settings: Settings) -> Gpu | None:
    """The GPU that a process is pinned to by its settings; None: it runs models on the CPU.

    Raises:
        BadSettingError: half precision is asked of a provider that runs models as they are.
    """
    if settings.gpu is None:
        return None
    if (settings.gpu_provider, settings.gpu_precision) == ("cuda", "fp16"):
        raise BadSettingError(
            "CAMREC_GPU_PRECISION=fp16 needs CAMREC_GPU_PROVIDER=tensorrt: CUDA runs a model as precise as its file."
        )
    return Gpu(
        settings.gpu,
        settings.gpu_provider,
        settings.gpu_precision,
        settings.gpu_memory,
        bucket_of(max(settings.max_batch, LEAST_LARGEST_BATCH)),
        settings.engines_dir,
    )


def cuda_provider(gpu: Gpu) -> tuple[str, dict[str, Any]]:
    """Name and options of the CUDA provider."""
    options: dict[str, Any] = {
        "device_id": gpu.number,
        # Lines of text differ in width: an exhaustive search for the best kernels would halt at each new one.
        "cudnn_conv_algo_search": "HEURISTIC",
        # By default an arena doubles: half of it may lie idle, and several models share the card.
        "arena_extend_strategy": "kSameAsRequested",
    }
    if gpu.memory is not None:
        options["gpu_mem_limit"] = gpu.memory
    return CUDA, options


def tensorrt_provider(
    gpu: Gpu, precision: Precision, engines: Path | None, input_name: str, sizes: Sequence[int], *, has_free_batch: bool
) -> tuple[str, dict[str, Any]]:
    """Name and options of the TensorRT provider.

    Args:
        gpu: where.
        precision: of its kernels.
        engines: folder for the engines of this model.
        input_name: the model's input.
        sizes: of that input, without the batch.
        has_free_batch: one engine then serves every batch up to the largest.
    """
    options: dict[str, Any] = {"device_id": gpu.number, "trt_fp16_enable": precision == "fp16"}
    if gpu.memory is not None:
        options["trt_max_workspace_size"] = gpu.memory
    if engines is not None:
        options |= {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(engines)}
        options |= {"trt_timing_cache_enable": True, "trt_timing_cache_path": str(engines)}
    if has_free_batch:
        for which, batch in (("min", 1), ("opt", gpu.largest_batch), ("max", gpu.largest_batch)):
            shape = "x".join(map(str, (batch, *sizes)))
            options[f"trt_profile_{which}_shapes"] = f"{input_name}:{shape}"
    return TENSORRT, options


def _counted_how() -> str:
    """For people: what the number of a GPU counts."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if visible is None else f" (GPUs count within CUDA_VISIBLE_DEVICES={visible})"


def load_libraries(onnxruntime: Any, gpu: Gpu) -> None:
    """Load those of CUDA that pip brought; raise `DeviceError` where ONNX Runtime was built without the provider."""
    built_in = onnxruntime.get_available_providers()
    if gpu.provider_name not in built_in:
        raise DeviceError(
            f"GPU {gpu.number} was asked for, but this ONNX Runtime has only {', '.join(built_in)}. Install "
            "onnxruntime-gpu in place of onnxruntime, or unset CAMREC_GPU to run on the CPU."
        )
    with redirect_stdout(sys.stderr):  # it prints, where `--json` promises one document
        onnxruntime.preload_dlls()


def unusable(onnxruntime: Any, gpu: Gpu, asked: str, instead: str, cause: str = "see the log") -> DeviceError:
    """What to raise where ONNX Runtime did something else than use the provider that was asked for.

    Args:
        onnxruntime: the module.
        gpu: that was asked for.
        asked: the provider.
        instead: what it did.
        cause: as far as it told.
    """
    did = f"ONNX Runtime {instead} ({_missing_library(onnxruntime, asked) or cause})"
    if asked == TENSORRT:
        return DeviceError(
            f"TensorRT was asked for on GPU {gpu.number}{_counted_how()}, but {did}: it could not load TensorRT 10 "
            "(libnvinfer.so.10), CUDA, cuDNN or the device. Install TensorRT's libraries, set "
            "CAMREC_GPU_PROVIDER=cuda, or unset CAMREC_GPU to run on the CPU."
        )
    return DeviceError(
        f"GPU {gpu.number} was asked for{_counted_how()}, but {did}: it could not load CUDA, cuDNN or the device. "
        f"Install NVIDIA's driver {LEAST_DRIVER} or newer, and the libraries with `pip install "
        f"'onnxruntime-gpu[cuda,cudnn]=={onnxruntime.__version__}'`; check the number with `nvidia-smi -L`, or unset "
        "CAMREC_GPU to run on the CPU."
    )


def _missing_library(onnxruntime: Any, asked: str) -> str | None:
    """What the linker does not find for a provider: ONNX Runtime writes that to its log alone."""
    name = f"libonnxruntime_providers_{'tensorrt' if asked == TENSORRT else 'cuda'}.so"
    try:
        ctypes.CDLL(str(Path(onnxruntime.__file__).with_name("capi") / name))
    except OSError as error:
        return str(error)
    return None


def is_of_the_device(error: str) -> bool:
    """Whether a text of ONNX Runtime is about the GPU's fault, and not the model's."""
    text = _ITS_SOURCE.sub("", error).lower()
    return any(word in text for word in _OF_THE_DEVICE)


def way_out(error: str) -> str:
    """What helps against a text of ONNX Runtime that is about the GPU's fault; empty where nothing is known."""
    if any(word in error.lower() for word in _NO_ROOM):
        return " Lower CAMREC_MAX_BATCH, raise CAMREC_GPU_MEMORY, or give this GPU fewer queues."
    if "driver version is insufficient" in error.lower():
        return f" Install NVIDIA's driver {LEAST_DRIVER} or newer."
    return ""
