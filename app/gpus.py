"""The GPUs that `camrec up` gives workers to: those that the driver shows and that a model runs on.

A machine may have a GPU and its driver, but no CUDA libraries: recognition by the CPU is then better than a worker that
never starts. Who names a GPU (CAMREC_GPU, `--gpu`) is told instead.

`python -m app.gpus` tries that of CAMREC_GPU: exit status 0 where it works.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from core.errors import CamrecError
from core.settings import get_settings

log = logging.getLogger(__name__)

TRY_TIMEOUT_S = 120.0
"""CUDA's first start on a machine may take half a minute."""


def usable_gpus() -> list[int]:
    """Numbers of the GPUs that work; each is tried in a process of its own, since CUDA keeps what it took."""
    return [number for number in available_gpus() if _works(number)]


def available_gpus() -> list[int]:
    """NVIDIA GPUs that the driver shows on this machine (CUDA_VISIBLE_DEVICES narrows them)."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return list(range(len([v for v in visible.split(",") if v.strip() not in {"", "-1"}])))
    return list(range(len(list(Path("/proc/driver/nvidia/gpus").glob("*")))))


def _works(number: int) -> bool:
    command = [sys.executable, "-P", "-m", "app.gpus"]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "CAMREC_GPU": str(number)},
            capture_output=True,
            text=True,
            timeout=TRY_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        log.warning("GPU %d is not used: it ran no model within %.0f s", number, TRY_TIMEOUT_S)
        return False
    if done.returncode != 0:
        log.warning("GPU %d is not used: %s", number, (done.stderr.strip().splitlines() or ["it crashed"])[-1])
    return done.returncode == 0


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
    except CamrecError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
