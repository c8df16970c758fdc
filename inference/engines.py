"""TensorRT's engines on disk: minutes of work for each model, kept by what the model is."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from inference.gpu import DeviceError

MOST_BYTES = 4_000_000_000
"""Of all engines of a machine; those that were not used for the longest time go first."""

_log = logging.getLogger(__name__)


def engine_folder(engines: Path, model: Path, precision: str, runtime: str) -> Path:
    """The folder for the engines of this model, made and marked as used just now.

    Args:
        engines: of the machine.
        model: the ONNX file; its content names the folder, so that another file of its name gets another one.
        precision: of the engine.
        runtime: version of ONNX Runtime: engines of another one do not load.

    Raises:
        DeviceError: it cannot be made or is another user's.
    """
    with model.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = engines / f"{digest[:32]}-{precision}-{runtime}"
    with _named(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(folder)
    return folder


@contextmanager
def sole_builder(folder: Path | None) -> Iterator[None]:
    """Let no two workers build one engine at once: the second one waits and finds it there.

    Raises:
        DeviceError: the folder cannot be written.
    """
    if folder is None:
        yield
        return
    with ExitStack() as held:
        with _named(folder):
            fcntl.flock(held.enter_context((folder / "lock").open("w")), fcntl.LOCK_EX)
        yield


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DeviceError(
            f"TensorRT's engines cannot be kept in {folder}: {error.strerror}. Make room there, let this user write "
            "there, or set CAMREC_GPU_PROVIDER=cuda."
        ) from error


def tidy_engines(engines: Path, most_bytes: int = MOST_BYTES) -> list[Path]:
    """Remove the folders that were not used for the longest time, until the rest is within the bound.

    Returns:
        The folders that were removed.
    """
    if not engines.is_dir():
        return []
    folders = sorted((_used(f) for f in engines.iterdir() if f.is_dir()), reverse=True)
    removed, total = [], 0
    for place, (_, size_bytes, folder) in enumerate(folders):
        total += size_bytes
        if total > most_bytes and place > 0:  # the newest is in use, whatever it takes
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
            _log.info("%s removed: engines take more than %d MB", folder.name, most_bytes // 1_000_000)
    return removed


def _used(folder: Path) -> tuple[float, int, Path]:
    """When a folder was used last, its bytes, and itself; another worker may be removing it."""
    size_bytes, used_s = 0, 0.0
    with contextlib.suppress(FileNotFoundError):
        used_s = folder.stat().st_mtime
        size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return used_s, size_bytes, folder
