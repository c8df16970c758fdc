"""Restores a backup into an empty data folder."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import IO, Any, cast

from storage.backup.backup import ABOUT, DATABASE, FORMAT, KEY, MEDIA, MODELS, BackupError
from storage.backup.encryption import MAGIC, DecryptingReader, PassphraseError, is_encrypted


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


def restore(source: Path, data: Path, passphrase: str | None = None) -> dict[str, Any]:
    """Make ``data`` the data folder that was backed up: all of it, or nothing.

    Returns:
        What the backup says about itself: ``made_at``, ``media``, ``settings``.

    Raises:
        BackupError: the folder is not empty, or the file is no whole backup.
        PassphraseError: the passphrase is missing or wrong.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise BackupError(f"{data} is not empty; a backup is restored into a new or empty folder.")
    encrypted = needs_passphrase(source)
    if encrypted and passphrase is None:
        raise PassphraseError(f"{source} is encrypted: give its passphrase.")
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{data.name}.", dir=data.parent))
        try:
            with source.open("rb") as file:
                plain = cast(IO[bytes], DecryptingReader(file, passphrase or "")) if encrypted else file
                with tarfile.open(fileobj=plain, mode="r|") as tar:
                    about = _extract(tar, draft)
                plain.read()  # to the end: what is cut off behind the tar's own end is noticed, too
            _check(draft / DATABASE)
            if data.exists():
                data.rmdir()
            draft.rename(data)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except tarfile.TarError as error:
        raise BackupError(f"{source} is no whole backup: {error}.") from error
    except OSError as error:
        raise BackupError(f"{source} cannot be restored into {data}: {error.strerror}.") from error
    return about


def _extract(tar: tarfile.TarFile, folder: Path) -> dict[str, Any]:
    about: dict[str, Any] | None = None
    for entry in tar:
        if about is None:
            about = _about(tar, entry)
        elif Path(entry.name).parts[0] not in {DATABASE, KEY, MODELS, MEDIA}:
            raise BackupError(f"The backup holds {entry.name!r}, which no backup of ours does.")
        else:
            tar.extract(entry, folder, filter="data")
    if about is None:
        raise BackupError("The backup is empty.")
    return about


def _about(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> dict[str, Any]:
    file = tar.extractfile(entry) if entry.name == ABOUT else None
    try:
        about = json.loads(file.read()) if file is not None else {}
        if about["format"] != FORMAT:
            raise BackupError(f"The backup has another format than {FORMAT}: {about['format']!r}.")
    except (ValueError, KeyError, TypeError):
        raise BackupError("This is not a backup of camrec.") from None
    return dict(about)


def _check(database: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"The database in the backup cannot be used: {error}.") from error
    if found != ("ok",):
        raise BackupError(f"The database in the backup is damaged: {found[0]}.")
