"""The GPUs that `camrec up` gives workers to: those that the driver shows and that a model runs on.

A machine may have a GPU and its driver, but no CUDA libraries: recognition by the CPU is then better than a worker that
never starts. Who names a GPU (CAMREC_GPU, `--gpu`) is told instead.

`python -m app.gpus` tries that of CAMREC_GPU: exit status 0 where it works.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from pathlib import Path

from core.errors import CamrecError
from core.settings import get_settings
from core.trial import Trial

log = logging.getLogger(__name__)

TRY_TIMEOUT_S = 120.0
"""CUDA's first start on a machine may take half a minute."""

TENSORRT_LIBRARIES = ("libnvinfer.so.10", "libnvonnxparser.so.10")


def usable_gpus() -> list[int]:
    """Numbers of the GPUs that work; each is tried in a process of its own, since CUDA keeps what it took."""
    trials = {number: Trial(__name__, CAMREC_GPU=str(number)) for number in available_gpus()}
    faults = {number: trial.fault(TRY_TIMEOUT_S) for number, trial in trials.items()}
    for number, fault in faults.items():
        if fault is not None:
            log.warning("GPU %d is not used: %s", number, fault)
    return [number for number, fault in faults.items() if fault is None]


def available_gpus() -> list[int]:
    """NVIDIA GPUs that the driver shows on this machine (CUDA_VISIBLE_DEVICES narrows them)."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return list(range(len([v for v in visible.split(",") if v.strip() not in {"", "-1"}])))
    return list(range(len(list(Path("/proc/driver/nvidia/gpus").glob("*")))))


def main() -> None:
    """Run a model that pip brought on the GPU of CAMREC_GPU."""
    from inference.catalogue import ModelStore
    from inference.gpu import gpu_of
    from inference.recognisers.plates import TEXT_DETECTOR
    from inference.session import open_session

    settings = get_settings()
    try:
        path = ModelStore(settings.models_dir).path_of(TEXT_DETECTOR)
        open_session(path, gpu=gpu_of(settings), threads=1).warm_up(64, 64)
        if settings.gpu_provider == "tensorrt":
            load_tensorrt()  # that model takes pictures of any size, and has not touched it
    except CamrecError as error:
        sys.exit(str(error))


def load_tensorrt() -> None:
    """Load TensorRT, so that a worker will not be the first to miss it.

    Raises:
        CamrecError: a library is missing.
    """
    for library in TENSORRT_LIBRARIES:
        try:
            ctypes.CDLL(library)
        except OSError as error:
            raise CamrecError(
                f"TensorRT 10 cannot be loaded ({error}). Install its libraries, or set CAMREC_GPU_PROVIDER=cuda."
            ) from error


if __name__ == "__main__":
    main()
