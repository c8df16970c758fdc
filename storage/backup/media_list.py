"""Which media files belong to a backup, and which backup of the chain holds each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
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


LISTED = 20
"""Unreadable files that are named; a disk that dies has a million."""

MediaList = dict[str, ListedFile]
"""Path relative to the media folder → the file."""


@dataclass(slots=True)
class UnreadableMedia:
    """Media that the disk does not give: a backup is made without them."""

    count: int = 0
    first: dict[str, str] = field(default_factory=dict)
    """Path relative to the media folder → why, of at most `LISTED`."""

    def add(self, name: str, why: OSError | str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < LISTED:
            self.first[name] = why if isinstance(why, str) else why.strerror or type(why).__name__


def list_media(folder: Path, backup_id: str, earlier: MediaList, unreadable: UnreadableMedia) -> MediaList:
    """All media files of now that can be read: those of the earlier backup stay where they are, this one holds the
    others. The rest is added to ``unreadable``."""
    found: MediaList = {}
    for path in _files(folder, unreadable):
        name = str(path.relative_to(folder))
        try:
            status = path.stat()
            file = ListedFile(status.st_size, status.st_mtime_ns // 1_000_000, backup_id)
            known = earlier.get(name)
            if known is not None and known.same_content(file):
                found[name] = known
                continue
            path.open("rb").close()  # no more: content that is read twice would cost the disk twice
            found[name] = file
        except FileNotFoundError:
            continue  # retention was quicker
        except OSError as error:
            unreadable.add(name, error)
    return found


def _files(folder: Path, unreadable: UnreadableMedia) -> Iterator[Path]:
    """All but drafts, passing copies from a bucket and what is written for live viewers only.

    Unlike `Path.rglob`, it goes on where a folder vanishes.
    """

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            unreadable.add(os.path.relpath(error.filename, folder), error)

    for parent, folders, names in os.walk(folder, onerror=note):
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
