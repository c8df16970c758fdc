"""A folder of pictures as a gallery: the persons in each are embedded once, and kept until the picture changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.media_files import UnreadableFileError, is_picture, read_picture
from core.embedding import Embedding
from inference.recognisers.reid import ReidRecogniser

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PictureOfPersons:
    """A picture and what the persons in it look like, best first; one at least."""

    path: Path
    persons: tuple[Embedding, ...]


class PictureGallery:
    """The pictures of one folder, not of those below it."""

    def __init__(self, folder: Path, recogniser: ReidRecogniser, cache_dir: Path) -> None:
        self._folder = folder
        self._recogniser = recogniser
        name = hashlib.sha256(f"{folder.resolve()}\n{recogniser.model}".encode()).hexdigest()[:32]
        self._cache_file = cache_dir / f"{name}.json"

    def pictures(self) -> list[PictureOfPersons]:
        """All pictures, by name; those that cannot be read are left out with a warning.

        What the cache knows of a picture of the same size and time of change is believed. A cache that cannot be
        written only costs time.
        """
        known, found = self._read_cache(), {}
        pictures = []
        for path in sorted(self._folder.iterdir()):
            stamp = _stamp(path)
            persons = _from_cache(known.get(path.name), stamp)
            if persons is None and stamp is not None:
                persons = self._embed(path)
            if persons:
                pictures.append(PictureOfPersons(path, persons))
                found[path.name] = {"stamp": stamp, "persons": [person.as_json() for person in persons]}
        if found != known:
            self._write_cache(found)
        return pictures

    def _embed(self, path: Path) -> tuple[Embedding, ...] | None:
        try:
            if not is_picture(path):
                return None
            return embeddings_in(path, self._recogniser)
        except UnreadableFileError as error:
            _log.warning("%s left out: %s", path, error)
            return None

    def _read_cache(self) -> dict[str, Any]:
        try:
            known = json.loads(self._cache_file.read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _write_cache(self, found: dict[str, Any]) -> None:
        draft = self._cache_file.with_suffix(f".{os.getpid()}")
        try:
            self._cache_file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(found))
            os.replace(draft, self._cache_file)
        except OSError as error:
            _log.info("embeddings are not kept: %s", error)
            with contextlib.suppress(OSError):
                draft.unlink()


def embeddings_in(path: Path, recogniser: ReidRecogniser) -> tuple[Embedding, ...]:
    """What the persons in a picture look like, best first.

    Raises:
        UnreadableFileError: it is no picture.
    """
    if not is_picture(path):
        raise UnreadableFileError(f"{path} is not a picture that can be decoded")
    found = recogniser.persons_in(read_picture(path))
    return tuple(person.embedding for person in found if person.embedding is not None)


def labelled(folder: Path) -> Iterator[tuple[str, Path]]:
    """Person and folder or picture: ``PERSON/…`` for each sub-folder, else ``PERSON_….jpg``."""
    folders = sorted(p for p in folder.iterdir() if p.is_dir())
    yield from ((p.name, picture) for p in folders for picture in sorted(p.iterdir()))
    if not folders:
        yield from ((p.stem.split("_")[0], p) for p in sorted(folder.iterdir()))


def _stamp(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size] if path.is_file() else None


def _from_cache(kept: Any, stamp: list[int] | None) -> tuple[Embedding, ...] | None:
    try:
        if stamp is None or kept["stamp"] != stamp:
            return None
        return tuple(Embedding.from_json(person) for person in kept["persons"])
    except (KeyError, TypeError, ValueError):
        return None
