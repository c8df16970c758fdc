"""Which media files belong to a backup, and which backup of the chain holds each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.live import LIVE


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A media file as it was when the backup was made. Media are written once: size and time tell versions apart."""

    size_bytes: int
    mtime_ms: int
    """Not finer: a restored file's time comes out of the archive as a float."""
    holder: str
    """Id of the backup in which its content is."""

    def same_content(self, other: ListedFile) -> bool:
        """Whether both are one version of the file."""
        return (self.size_bytes, self.mtime_ms) == (other.size_bytes, other.mtime_ms)


MediaList = dict[str, ListedFile]
"""Path relative to the media folder → the file."""


def list_media(folder: Path, backup_id: str, earlier: MediaList) -> MediaList:
    """All media files of now: those of the earlier backup stay where they are, this one holds the others."""
    found: MediaList = {}
    for path in _files(folder):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # retention was quicker
        name = str(path.relative_to(folder))
        file = ListedFile(status.st_size, status.st_mtime_ns // 1_000_000, backup_id)
        known = earlier.get(name)
        found[name] = known if known is not None and known.same_content(file) else file
    return found


def _files(folder: Path) -> Iterator[Path]:
    """All but drafts, passing copies from a bucket and what is written for live viewers only.

    Unlike `Path.rglob`, it goes on where a folder vanishes.
    """
    for parent, folders, names in os.walk(folder):
        passing = {LIVE} if Path(parent) == folder else set()
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in passing)
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def as_json(files: MediaList) -> dict[str, Any]:
    """For the archive; the inverse of `parse`."""
    return {name: [file.size_bytes, file.mtime_ms, file.holder] for name, file in files.items()}


def parse(plain: Any) -> MediaList:
    """A list read from an archive.

    Raises:
        ValueError, TypeError: it is none.
    """
    if not isinstance(plain, dict):
        raise TypeError("the list of media is no object")
    return {
        name: ListedFile(int(size), int(mtime), sys.intern(holder)) for name, (size, mtime, holder) in plain.items()
    }
