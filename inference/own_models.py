"""The user's part of the models folder: `models.d/NAME.yaml` for each own model, and which model fills which role."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from core.errors import CamrecError
from inference.manifest import ManifestError, ModelEntry, entry_from, row_of
from inference.roles import ROLES
from inference.session import open_session

_MANIFESTS = "models.d"
_SELECTION = "selection.yaml"


def own_names(models_dir: Path) -> list[str]:
    """Names of the user's models."""
    return sorted(path.stem for path in (models_dir / _MANIFESTS).glob("*.yaml"))


def read_own(models_dir: Path, name: str) -> ModelEntry:
    """One of the user's models.

    Raises:
        ManifestError: its file is not as it must be; the text names file and field.
    """
    path = _manifest(models_dir, name)
    entry = entry_from(_read(path), path.name)
    if entry.name != name:
        raise ManifestError(f"{path.name} describes a model {entry.name!r}: file and name must be the same.")
    return replace(entry, own=True)


def add_own(models_dir: Path, source: Path, entry: ModelEntry) -> Path:
    """Copy one of the user's models into the folder, and describe it there; the path of the description.

    Raises:
        ModelError: the copy does not load, e.g. since its weights stand in a second file.
    """
    entry = replace(entry, file=f"{entry.name}.onnx", own=False)
    target = models_dir / entry.file
    draft = models_dir / f".{entry.file}.{os.getpid()}"
    models_dir.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, draft)
        open_session(draft, gpu=None, threads=1)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    path = _manifest(models_dir, entry.name)
    _write(path, row_of(entry))
    return path


def read_selection(models_dir: Path) -> dict[str, str]:
    """Role (``falls.person``) → name of the model that was chosen for it.

    Raises:
        CamrecError: the file is not as it must be.
    """
    path = models_dir / _SELECTION
    if not path.is_file():
        return {}
    chosen = _read(path)
    if not isinstance(chosen, dict) or not all(isinstance(name, str) for name in chosen.values()):
        raise CamrecError(f"{path.name} is expected to hold lines ROLE: MODEL, e.g. falls.person: yolox_nano_416.")
    unknown = sorted(set(chosen) - set(ROLES))
    if unknown:
        raise CamrecError(f"{path.name} names an unknown role {unknown[0]!r}. Roles: {', '.join(ROLES)}.")
    return chosen


def write_selection(models_dir: Path, chosen: dict[str, str]) -> None:
    """The inverse of `read_selection`."""
    _write(models_dir / _SELECTION, chosen)


def _manifest(models_dir: Path, name: str) -> Path:
    return models_dir / _MANIFESTS / f"{name}.yaml"


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ManifestError(f"{path.name} cannot be read: {error}") from None


def _write(path: Path, plain: dict[str, Any]) -> None:
    """Whole or not at all: a running worker may read at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), "utf-8")
    os.replace(draft, path)
