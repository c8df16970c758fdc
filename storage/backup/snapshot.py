"""One moment of the database as an SQLite file, whichever database the installation has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic.util import CommandError
from pydantic import SecretStr

from core.errors import UnavailableError
from core.settings import Settings
from storage.backup.archive import BackupError
from storage.backup.postgres import rows_to_sqlite
from storage.database import Database, database_url, is_postgres
from storage.progress import Progress

_STEPS_BETWEEN_LOOKS = 100_000
"""Of SQLite's machine; a tenth of a second or so."""


def write_snapshot(settings: Settings, target: Path, progress: Progress) -> None:
    """Write a consistent snapshot to ``target``, which is not there yet; writers go on meanwhile.

    Raises:
        BackupError: there is no database, or the snapshot cannot be written.
        UnavailableError: PostgreSQL cannot be reached.
    """
    if not is_postgres(settings):
        _vacuum(Path(database_url(settings).database or ""), target, progress)
        return
    with upgraded(target, settings):
        pass
    database = Database(settings)
    try:
        rows_to_sqlite(database, target, progress)
    finally:
        database.close()


@contextmanager
def upgraded(file: Path, settings: Settings) -> Iterator[Database]:
    """An SQLite file, new or older, brought to the newest schema.

    Raises:
        BackupError: it is of a newer camrec, or cannot be written; the block may write it, too.
    """
    database = Database(
        settings.model_copy(update={"data": file.parent, "database_url": SecretStr(f"sqlite:///{file}")})
    )
    try:
        database.migrate()
        yield database
    except CommandError:
        raise BackupError(
            "The backup is of a newer camrec, whose schema this one does not know: take that one."
        ) from None
    except UnavailableError as error:
        raise BackupError(f"The snapshot of the database cannot be written: {error}") from error
    finally:
        database.close()


def _vacuum(database: Path, target: Path, progress: Progress) -> None:
    if not database.is_file():
        raise BackupError(f"There is no database at {database}; is CAMREC_DATA the right folder?")
    size_bytes = database.stat().st_size

    def look() -> None:
        progress("copying the database", min(target.stat().st_size, size_bytes), size_bytes)

    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            connection.set_progress_handler(look, _STEPS_BETWEEN_LOOKS)
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise BackupError(f"The database {database} cannot be copied to {target.parent.parent}: {error}.") from error
