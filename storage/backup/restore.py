"""Restores a backup into an empty data folder."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from core.settings import Settings
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
from storage.backup.postgres import refuse_rows, rows_from_sqlite
from storage.backup.redis_state import REDIS_STATE
from storage.backup.snapshot import upgraded
from storage.database import Database, is_postgres
from storage.node_rows import adopt_node
from storage.progress import Progress, silent

_OF_EXT4 = "lost+found"
"""In every empty volume of that file system."""


def restore(
    settings: Settings,
    source: Path,
    data: Path,
    passphrase: str | None = None,
    bases: Iterable[Path] = (),
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Make ``data`` the data folder that was backed up: all of it, or nothing.

    What lay on the machine that was backed up belongs to this one from now on, whatever its name is.

    Args:
        settings: Of this machine. A PostgreSQL database that they name takes the rows, else SQLite in ``data`` does.
        source: The backup.
        data: The new data folder.
        passphrase: Of the backup, and of those that it builds on.
        bases: Earlier backups that it builds on; those not given are looked for beside it.
        progress: Is told how far it is.

    Returns:
        What the backup says about itself: ``made_at``, ``media``, ``node``, ``settings``.

    Raises:
        BackupError: the folder or the PostgreSQL database is not empty, or the file is no whole backup.
        BrokenChainError: an earlier backup is missing.
        PassphraseError: the passphrase is missing or wrong.
        UnavailableError: PostgreSQL cannot be reached.
    """
    if data.exists() and (not data.is_dir() or any(path.name != _OF_EXT4 for path in data.iterdir())):
        raise BackupError(f"{data} is not empty; a backup is restored into a new or empty folder.")
    database = Database(settings) if is_postgres(settings) else None
    try:
        if database is not None:
            refuse_rows(database)
        head = read_head(source, passphrase)
        needed = locate_needed(source, head, bases, passphrase)
        data.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{data.name}.", dir=data if data.is_mount() else data.parent))
        try:
            with open_backup(source, passphrase, progress) as backup:
                _extract(backup, draft)
            for backup_id, path in needed.items():
                with open_backup(path, passphrase, progress) as earlier:
                    _extract_media(earlier, draft, _held_by(backup_id, head.media or {}), path)
            _check(draft / DATABASE)
            with upgraded(draft / DATABASE, settings) as rows:
                if (node := head.about.get("node")) is not None:  # format 2 did not always say it
                    adopt_node(rows, str(node), settings.node, progress)
            with ExitStack() as placed:
                if database is None:
                    placed.enter_context(_placed(draft, data))
                else:
                    with rows_from_sqlite(draft / DATABASE, database, progress):
                        (draft / DATABASE).unlink()
                        placed.enter_context(_placed(draft, data))
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise BackupError(f"{source} cannot be restored into {data}: {error.strerror or error}.") from error
    finally:
        if database is not None:
            database.close()
    return head.about


@contextmanager
def _placed(draft: Path, data: Path) -> Iterator[None]:
    """What was unpacked stands under its name; where the block ends with an error, it does not."""
    moves = [(draft, data)]
    if data.is_mount():  # a volume: it cannot be renamed
        moves = [(path, data / path.name) for path in draft.iterdir()]
    elif data.exists():
        data.rmdir()
    with ExitStack() as undo:
        for source, target in moves:
            source.rename(target)
            undo.callback(target.rename, source)
        yield
        undo.pop_all()


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
