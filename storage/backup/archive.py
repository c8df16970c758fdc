"""The file format of backups: what stands in one, and how it is opened."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from core.errors import CamrecError
from storage.backup import media_list
from storage.backup.counted_file import CountedFile
from storage.backup.encryption import MAGIC, DecryptingReader, PassphraseError, is_encrypted
from storage.backup.media_list import MediaList
from storage.progress import Progress, silent

FORMAT = "camrec-backup/2"
FIRST_FORMAT = "camrec-backup/1"
"""Of backups without id, media list and state of Redis."""

ABOUT = "backup.json"
MEDIA_LIST = "media.json"
DATABASE = "camrec.db"
KEY = "secret.key"
MODELS = "models"
MEDIA = "media"


class BackupError(CamrecError):
    """No backup can be made, or restored."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a backup says about itself, before its content."""

    about: dict[str, Any]
    media: MediaList | None = None
    """None: it holds no media, or is of the first format and holds all of its own."""

    needs: dict[str, str] = field(default_factory=dict)
    """Id → file name of the earlier backups that hold some of its media."""


class OpenBackup:
    """A backup that is read from its beginning to its end, once."""

    def __init__(self, plain: IO[bytes], tar: tarfile.TarFile) -> None:
        self._plain = plain
        self.tar = tar
        self.head = self._read_head()

    def entries(self) -> Iterator[tarfile.TarInfo]:
        """What stands behind the head; each is to be extracted before the next is asked for."""
        while (entry := self.tar.next()) is not None:
            yield entry
            self.tar.members.clear()  # type: ignore[attr-defined]  # nobody goes back to them, and there may be millions
        self._plain.read()  # to the end: what is cut off behind the tar's own end is noticed, too

    def _read_head(self) -> Head:
        try:
            about = self._read_json(ABOUT)
            if about["format"] not in {FORMAT, FIRST_FORMAT}:
                raise BackupError(f"The backup has another format than {FORMAT}: {about['format']!r}.")
            listed = about["format"] == FORMAT and about["media"]
            media = media_list.parse(self._read_json(MEDIA_LIST)) if listed else None
            # A name, whatever else it says: nothing is looked for outside the folder.
            return Head(about, media, {str(i): Path(name).name for i, name in about.get("needs", {}).items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BackupError("This is not a backup of camrec.") from None

    def _read_json(self, name: str) -> Any:
        entry = self.tar.next()
        file = self.tar.extractfile(entry) if entry is not None and entry.name == name else None
        if file is None:
            raise ValueError(f"no {name}")
        return json.loads(file.read())


def needs_passphrase(source: Path) -> bool:
    """Whether a backup is encrypted.

    Raises:
        BackupError: it cannot be read.
    """
    try:
        with source.open("rb") as file:
            return is_encrypted(file.read(len(MAGIC)))
    except OSError as error:
        raise BackupError(f"{source} cannot be read: {error.strerror}.") from error


@contextmanager
def open_backup(source: Path, passphrase: str | None, progress: Progress = silent) -> Iterator[OpenBackup]:
    """Open a backup to read it.

    Raises:
        BackupError: it cannot be read, or is no whole backup.
        PassphraseError: the passphrase is missing or wrong.
    """
    encrypted = needs_passphrase(source)
    if encrypted and passphrase is None:
        raise PassphraseError(f"{source} is encrypted: give its passphrase.")
    try:
        with source.open("rb") as file:
            counted = cast(BinaryIO, CountedFile(file, f"unpacking {source.name}", source.stat().st_size, progress))
            plain = cast(IO[bytes], DecryptingReader(counted, passphrase or "")) if encrypted else counted
            with tarfile.open(fileobj=plain, mode="r|") as tar:
                yield OpenBackup(plain, tar)
    except tarfile.TarError as error:
        raise BackupError(f"{source} is no whole backup: {error}.") from error


def read_head(source: Path, passphrase: str | None) -> Head:
    """What a backup says about itself; only its beginning is read.

    Raises:
        BackupError, PassphraseError: as `open_backup`.
    """
    with open_backup(source, passphrase) as backup:
        return backup.head
