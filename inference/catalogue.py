"""The catalogue of public models, and what of it is on this machine."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml

from core.errors import CamrecError


class UnknownModelError(CamrecError):
    """A model of this name is not in the catalogue."""


class MissingModelError(CamrecError):
    """A model of the catalogue is not on this machine."""


class ModelStatus(StrEnum):
    """Where a model is."""

    BUNDLED = "bundled"
    PULLED = "pulled"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What a model takes: ``(value - mean) * scale`` of each channel."""

    shape: tuple[int | None, ...]
    """(batch, channels, height, width), None where any size goes."""
    resize: Literal["letterbox", "height"]
    colour: Literal["RGB", "BGR"]
    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One public model."""

    name: str
    file: str
    """In the models folder, or in the package that brings it."""
    task: str
    decoder: str
    input: ModelInput
    output: tuple[int | None, ...]
    licence: str
    size_bytes: int
    sha256: str
    good_for: str
    labels: tuple[str, ...] = ()
    url: str | None = None
    """Pinned to a commit; None for what a package brings."""
    package: str | None = None
    default: bool = False
    """Whether it belongs to the set that is pulled when no names are given."""

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        return self.url or f"Python package {self.package}"


@lru_cache(maxsize=1)
def load_catalogue() -> dict[str, ModelEntry]:
    """All models by name, in the order of the file."""
    rows = yaml.safe_load(files("inference").joinpath("catalogue.yaml").read_text("utf-8"))["models"]
    return {row["name"]: _entry(row) for row in rows}


def entry_of(name: str) -> ModelEntry:
    """The model of this name.

    Raises:
        UnknownModelError: there is none; the text names the nearest.
    """
    catalogue = load_catalogue()
    if name not in catalogue:
        near = difflib.get_close_matches(name, catalogue, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UnknownModelError(f"No model {name!r} in the catalogue.{hint} Models: {', '.join(catalogue)}.")
    return catalogue[name]


class ModelStore:
    """The models that this machine has."""

    def __init__(self, models_dir: Path) -> None:
        self.models_dir = models_dir

    def available(self) -> list[ModelEntry]:
        """The models of the catalogue that can be used now."""
        return [entry for entry in load_catalogue().values() if self.status(entry.name) is not ModelStatus.MISSING]

    def has(self, name: str) -> bool:
        """Whether the model can be used now.

        Raises:
            UnknownModelError: it is not in the catalogue.
        """
        return self.status(name) is not ModelStatus.MISSING

    def status(self, name: str) -> ModelStatus:
        """Where the model is.

        Raises:
            UnknownModelError: it is not in the catalogue.
        """
        entry = entry_of(name)
        path = self._place(entry)
        if path is None or not path.is_file():
            return ModelStatus.MISSING
        return ModelStatus.PULLED if entry.package is None else ModelStatus.BUNDLED

    def path_of(self, name: str) -> Path:
        """The model's file.

        Raises:
            UnknownModelError: it is not in the catalogue.
            MissingModelError: it is not on this machine; the text says how to get it.
        """
        entry = entry_of(name)
        path = self._place(entry)
        if path is not None and path.is_file():
            return path
        if entry.package is not None:
            raise MissingModelError(
                f"Model {name} comes with {entry.source}: install it with `pip install {entry.package}`."
            )
        raise MissingModelError(f"Model {name} is not in {self.models_dir}: fetch it with `camrec models pull {name}`.")

    def _place(self, entry: ModelEntry) -> Path | None:
        if entry.package is None:
            return self.models_dir / entry.file
        folder = _package_folder(entry.package)
        return None if folder is None else folder / entry.file


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=8)
def _package_folder(package: str) -> Path | None:
    # Found, not imported: only the files of the package are used, and its code wants much that is not installed.
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _entry(row: dict[str, Any]) -> ModelEntry:
    taken = {**row["input"], "shape": tuple(row["input"]["shape"])}
    return ModelEntry(
        **{
            **row,
            "input": ModelInput(**taken),
            "output": tuple(row["output"]),
            "labels": tuple(row.get("labels", ())),
        }
    )
