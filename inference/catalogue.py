"""The catalogue of public models, the user's own, what of them is on this machine, and which fills which role."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
from collections.abc import Hashable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from core.errors import CamrecError
from inference import own_models
from inference.manifest import ModelEntry, entry_from
from inference.roles import Role, role_of


class UnknownModelError(CamrecError):
    """A model of this name is neither in the catalogue nor was it added."""


class MissingModelError(CamrecError):
    """A model that is known is not on this machine."""


class UnfitModelError(CamrecError):
    """A model cannot fill a role."""


class ModelStatus(StrEnum):
    """Where a model is."""

    BUNDLED = "bundled"
    PULLED = "pulled"
    ADDED = "added"
    MISSING = "missing"


@lru_cache(maxsize=1)
def load_catalogue() -> dict[str, ModelEntry]:
    """All public models by name, in the order of the file."""
    return {row["name"]: entry_from(row, "catalogue.yaml") for row in _load()["models"]}


def load_labels(name: str) -> tuple[str, ...]:
    """A set of labels that many models share, e.g. ``coco``."""
    return tuple(_load()["labels"][name])


def entry_of(name: str) -> ModelEntry:
    """The public model of this name.

    Raises:
        UnknownModelError: there is none; the text names the nearest.
    """
    catalogue = load_catalogue()
    if name not in catalogue:
        raise _unknown(name, catalogue)
    return catalogue[name]


class ModelStore:
    """The models that this machine has. Files are read anew at each call, so that changes count at once."""

    def __init__(self, models_dir: Path, chosen: Mapping[str, str] | None = None) -> None:
        """Look at a folder.

        Args:
            models_dir: the folder.
            chosen: role, as ``falls.person`` → model that fills it whatever the installation has chosen.
        """
        self.models_dir = models_dir
        self._chosen = dict(chosen or {})

    def entries(self) -> list[ModelEntry]:
        """The models of the catalogue, then the user's own.

        Raises:
            ManifestError: one of the user's is not described as it must be.
        """
        own = [own_models.read_own(self.models_dir, name) for name in own_models.own_names(self.models_dir)]
        return [*load_catalogue().values(), *own]

    def entry(self, name: str) -> ModelEntry:
        """The model of this name.

        Raises:
            UnknownModelError: there is none; the text names the nearest.
            ManifestError: it is the user's and not described as it must be.
        """
        if name in load_catalogue():
            return load_catalogue()[name]
        own = own_models.own_names(self.models_dir)
        if name not in own:
            raise _unknown(name, [*load_catalogue(), *own])
        return own_models.read_own(self.models_dir, name)

    def has(self, name: str) -> bool:
        """Whether the model can be used now.

        Raises:
            UnknownModelError: there is no such model.
        """
        return self.status(name) is not ModelStatus.MISSING

    def status(self, name: str) -> ModelStatus:
        """Where the model is.

        Raises:
            UnknownModelError: there is no such model.
        """
        entry = self.entry(name)
        if not self._is_there(entry):
            return ModelStatus.MISSING
        if entry.own:
            return ModelStatus.ADDED
        return ModelStatus.PULLED if entry.package is None else ModelStatus.BUNDLED

    def path_of(self, name: str) -> Path:
        """The model's file.

        Raises:
            UnknownModelError: there is no such model.
            MissingModelError: it is not on this machine; the text says how to get it.
        """
        entry = self.entry(name)
        path = self._place(entry)
        if path is not None and path.is_file():
            return path
        if entry.package is not None:
            raise MissingModelError(
                f"Model {name} comes with {entry.source}: install it with `pip install {entry.package}`."
            )
        if entry.own:
            command = f"add it again with `camrec models add FILE --name {name}`"
        else:
            command = f"fetch it with `camrec models pull {name}{'' if entry.url else ' --from DIR'}`"
        raise MissingModelError(f"Model {name} is not on this machine: {command}.")

    def chosen(self, kind: str, role: str) -> ModelEntry:
        """The model that a recognition of this kind uses in this role: the one chosen, else the default.

        Raises:
            UnknownRoleError: the recognition has no such role.
            UnknownModelError: a model was chosen that is gone.
        """
        wanted = role_of(f"{kind}.{role}")
        selection = {**own_models.read_selection(self.models_dir), **self._chosen}
        return self.entry(selection.get(wanted.key, wanted.default))

    def choose(self, role: Role, name: str | None) -> None:
        """Let a model fill a role from now on, in running workers, too; None: the default.

        Raises:
            UnknownModelError, MissingModelError: it cannot be used.
            UnfitModelError: it does something else than the role needs.
        """
        selection = own_models.read_selection(self.models_dir)
        selection.pop(role.key, None)
        if name is not None:
            self.path_of(name)
            self.check_fit(role, name)
            selection[role.key] = name
        own_models.write_selection(self.models_dir, selection)

    def check_fit(self, role: Role, name: str) -> None:
        """Refuse a model that cannot fill a role; whether it is on this machine is another question.

        Raises:
            UnknownModelError: there is no such model.
            UnfitModelError: it does something else than the role needs.
        """
        entry = self.entry(name)
        fault = role.fault_of(entry.decoder, entry.labels)
        if fault is not None:
            raise UnfitModelError(f"Model {name} cannot fill {role.key}: {fault}.")

    def state_of(self, name: str) -> Hashable:
        """Changes whenever the model's file or description does.

        Raises:
            UnknownModelError: there is no such model.
        """
        entry = self.entry(name)
        path = self._place(entry)
        try:
            stat = None if path is None else path.stat()
        except OSError:
            stat = None
        return entry, None if stat is None else (stat.st_mtime_ns, stat.st_size)

    def _is_there(self, entry: ModelEntry) -> bool:
        path = self._place(entry)
        return path is not None and path.is_file()

    def _place(self, entry: ModelEntry) -> Path | None:
        if entry.package is None:
            return self.models_dir / entry.file
        folder = _package_folder(entry.package)
        return None if folder is None else folder / entry.file


@lru_cache(maxsize=1)
def _load() -> Any:
    return yaml.safe_load(files("inference").joinpath("catalogue.yaml").read_text("utf-8"))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unknown(name: str, known: Iterable[str]) -> UnknownModelError:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return UnknownModelError(f"No model {name!r} in the catalogue.{hint} Models: {', '.join(known)}.")


@lru_cache(maxsize=8)
def _package_folder(package: str) -> Path | None:
    # Found, not imported: only the files of the package are used, and its code wants much that is not installed.
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
