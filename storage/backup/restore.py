"""Restores a backup into an empty data folder."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from storage.backup.archive import (
    DATABASE,
    FORMAT,
    KEY,
    MEDIA,
    MODELS,
    BackupError,
    OpenBackup,
    open_backup,
    read_head,
)
from storage.backup.chain import BrokenChainError, locate_needed
from storage.backup.media_list import MediaList
from storage.backup.redis_state import REDIS_STATE


def restore(source: Path, data: Path, passphrase: str | None = None, bases: Iterable[Path] = ()) -> dict[str, Any]:
    """Make ``data`` the data folder that was backed up: all of it, or nothing.

    Args:
        source: The backup.
        data: The new data folder.
        passphrase: Of the backup, and of those that it builds on.
        bases: Earlier backups that it builds on; those not given are looked for beside it.

    Returns:
        What the backup says about itself: ``made_at``, ``media``, ``settings``.

    Raises:
        BackupError: the folder is not empty, or the file is no whole backup.
        BrokenChainError: an earlier backup is missing.
        PassphraseError: the passphrase is missing or wrong.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise BackupError(f"{data} is not empty; a backup is restored into a new or empty folder.")
    try:
        head = read_head(source, passphrase)
        needed = locate_needed(source, head, bases, passphrase)
        data.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{data.name}.", dir=data.parent))
        try:
            with open_backup(source, passphrase) as backup:
                _extract(backup, draft)
            for backup_id, path in needed.items():
                with open_backup(path, passphrase) as earlier:
                    _extract_media(earlier, draft, _held_by(backup_id, head.media or {}), path)
            _check(draft / DATABASE)
            if data.exists():
                data.rmdir()
            draft.rename(data)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise BackupError(f"{source} cannot be restored into {data}: {error.strerror or error}.") from error
    return head.about


def _extract(backup: OpenBackup, folder: Path) -> None:
    for entry in backup.entries():
        if Path(entry.name).parts[0] not in {DATABASE, KEY, MODELS, MEDIA, REDIS_STATE}:
            raise BackupError(f"The backup holds {entry.name!r}, which no backup of format {FORMAT} does.")
        backup.tar.extract(entry, folder, filter="data")


def _held_by(backup_id: str, media: MediaList) -> set[str]:
    return {f"{MEDIA}/{name}" for name, file in media.items() if file.holder == backup_id}


def _extract_media(backup: OpenBackup, folder: Path, wanted: set[str], path: Path) -> None:
    """Of an earlier backup, only the media that the newest one does not hold itself."""
    for entry in backup.entries():
        if entry.name in wanted:
            backup.tar.extract(entry, folder, filter="data")
            wanted.discard(entry.name)
    if wanted:
        raise BrokenChainError(f"{path} lacks {len(wanted)} files that it should hold, e.g. {min(wanted)}.")


def _check(database: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"The database in the backup cannot be used: {error}.") from error
    if found != ("ok",):
        raise BackupError(f"The database in the backup is damaged: {found[0]}.")
