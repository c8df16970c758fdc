"""Fetches models: over HTTPS with resume, or from a folder where there is no network. What is kept has been checked."""

from __future__ import annotations

import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import CamrecError
from inference.catalogue import sha256_of
from inference.manifest import ModelEntry

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30.0
_RANGE_NOT_SATISFIABLE = 416
_USER_AGENT = "camrec"

Progress = Callable[[ModelEntry, int], None]
"""Told the model and how many of its bytes are there."""


class PullError(CamrecError):
    """A model could not be fetched, or what came is not it."""


class PullResult(StrEnum):
    """What became of one model."""

    PULLED = "pulled"
    PRESENT = "present"
    BUNDLED = "bundled"
    NOT_THERE = "not there"
    """In the folder that was named."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model and what became of it."""

    entry: ModelEntry
    result: PullResult


def pull(entries: Iterable[ModelEntry], models_dir: Path, source: Path | None, progress: Progress) -> list[Pulled]:
    """Bring models into the models folder; each is whole and checked before it bears its name.

    Args:
        entries: of the catalogue.
        models_dir: is made where it is missing.
        source: a folder to copy from; None: download.
        progress: see `Progress`.

    Raises:
        PullError: the source or the host cannot be reached, or a file is not the one that the catalogue describes.
    """
    if source is not None and not source.is_dir():
        raise PullError(f"No folder {source} to copy models from.")
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        return [Pulled(entry, _pull_one(entry, models_dir, source, progress)) for entry in entries]
    except OSError as error:
        raise PullError(f"Models cannot be written to {models_dir}: {error}.") from error


def _pull_one(entry: ModelEntry, models_dir: Path, source: Path | None, progress: Progress) -> PullResult:
    if entry.package is not None:
        return PullResult.BUNDLED
    target = models_dir / entry.file
    if target.is_file() and target.stat().st_size == entry.size_bytes and sha256_of(target) == entry.sha256:
        progress(entry, entry.size_bytes)
        return PullResult.PRESENT
    part = target.with_name(target.name + ".part")
    if source is None:
        if entry.url is None:
            raise PullError(
                f"{entry.name} has no public address: copy it from a mirror with `camrec models pull --from DIR`."
            )
        _download(entry, entry.url, part, progress)
        origin = entry.url
    else:
        found = _in_folder(entry, source)
        if found is None:
            return PullResult.NOT_THERE
        shutil.copyfile(found, part)
        progress(entry, part.stat().st_size)
        origin = str(found)
    _check(entry, part, origin)
    os.replace(part, target)
    return PullResult.PULLED


def _in_folder(entry: ModelEntry, source: Path) -> Path | None:
    """A mirror may keep the catalogue's file names or those of the URLs."""
    names = (entry.file, Path(urlsplit(entry.url or entry.file).path).name)
    return next((source / name for name in names if (source / name).is_file()), None)


def _download(entry: ModelEntry, url: str, part: Path, progress: Progress) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done >= entry.size_bytes:
        # More than the whole, or the whole with a wrong hash, is not worth going on from.
        part.unlink()
        done = 0
    request = urllib.request.Request(url, headers={"User-Agent": _USER_AGENT})  # noqa: S310  # from our catalogue
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
            is_rest = response.status == http.client.PARTIAL_CONTENT
            _save(entry, response, part, done if is_rest else 0, progress)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        raise PullError(f"{entry.name} was not pulled: {url} answered {error.code} {error.reason}.") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise PullError(
            f"{entry.name} was not pulled: {urlsplit(url).netloc} cannot be reached or broke off ({reason}). Try again "
            "to go on from what is there, or copy the file from another machine with `camrec models pull --from DIR`."
        ) from error


def _save(entry: ModelEntry, response: http.client.HTTPResponse, part: Path, done: int, progress: Progress) -> None:
    with part.open("ab" if done else "wb") as stream:
        progress(entry, done)
        # read1 hands over what has come, so that a broken connection costs nothing that had arrived.
        while chunk := response.read1(_CHUNK_BYTES):
            stream.write(chunk)
            done += len(chunk)
            progress(entry, done)
            if done > entry.size_bytes:
                break
    if done < entry.size_bytes:
        raise ConnectionError(f"the connection ended after {done} of {entry.size_bytes} bytes")


def _check(entry: ModelEntry, part: Path, origin: str) -> None:
    size, found = part.stat().st_size, sha256_of(part)
    if (size, found) != (entry.size_bytes, entry.sha256):
        part.unlink()
        raise PullError(
            f"{entry.name} was not pulled: {origin} is not the file that the catalogue describes: expected "
            f"{entry.size_bytes} bytes with SHA-256 {entry.sha256}, found {size} bytes with {found}."
        )
