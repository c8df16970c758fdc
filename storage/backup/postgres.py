"""Rows of PostgreSQL to and from the SQLite file that stands in a backup. Both have the newest schema.

Values pass through in the form in which both databases take them: JSON as its text, so that nothing is parsed. What
PostgreSQL alone has, pgvector's column and graphs, is derived from the rows and made anew by whoever searches.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Insert, Select, Table, Text, cast, func, inspect, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import REGCLASS

from storage.backup.archive import BackupError
from storage.database import Database
from storage.models import Base
from storage.progress import Progress

_BATCH_ROWS = 2000
_TABLES = Base.metadata.sorted_tables
"""Those that others point to come first."""


def rows_to_sqlite(database: Database, target: Path, progress: Progress) -> None:
    """Copy one moment of all tables into an empty SQLite file; batches of rows are in memory, never a table.

    Raises:
        BackupError: the database has another schema than this program, or the file cannot be written.
        UnavailableError: it cannot be used now.
    """
    with _told("written"), database.read() as session, closing(sqlite3.connect(target, isolation_level=None)) as file:
        source = session.connection()
        source.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        _check_schema(source, file)
        file.executescript("PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY; BEGIN")
        total = sum(source.scalar(select(func.count()).select_from(table)) or 0 for table in _TABLES)
        done = 0
        for table in _TABLES:
            insert = _sql(table.insert())
            rows = source.execution_options(stream_results=True, yield_per=_BATCH_ROWS).execute(select(*_plain(table)))
            for batch in rows.partitions():
                file.executemany(insert, map(tuple, batch))
                done += len(batch)
                progress("reading PostgreSQL", done, total, "rows")
            _keep_numbering(source, file, table)
        file.execute("COMMIT")


def refuse_rows(database: Database) -> None:
    """Nothing is restored over what is there.

    Raises:
        BackupError: a table has rows.
        UnavailableError: the database cannot be used now.
    """
    with database.read() as session:
        there = set(inspect(session.connection()).get_table_names())
        _refuse_rows(session.connection(), [table for table in _TABLES if table.name in there])


@contextmanager
def rows_from_sqlite(source: Path, database: Database, progress: Progress) -> Iterator[None]:
    """Copy all rows of an SQLite file into an empty database. They stay there when the block ends without an error.

    Raises:
        BackupError: a table has rows, or does not take what is in the file; the file cannot be read.
        UnavailableError: the database cannot be used now.
    """
    database.migrate()
    reading = closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True))
    with _told("read"), database.write() as session, reading as file:
        connection = session.connection()
        # A system that somebody starts meanwhile waits.
        connection.execute(text(f"LOCK TABLE {', '.join(table.name for table in _TABLES)} IN EXCLUSIVE MODE"))
        _refuse_rows(connection, _TABLES)
        total = sum(file.execute(_sql(select(func.count()).select_from(t))).fetchone()[0] for t in _TABLES)
        done = 0
        for table in _TABLES:
            for count in _copy_in(file, connection, table):
                done += count
                progress("writing PostgreSQL", done, total, "rows")
            _go_on_numbering(file, connection, table)
        yield


@contextmanager
def _told(done: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BackupError(f"The snapshot of the database cannot be {done}: {error}.") from error


def _plain(table: Table) -> list[Any]:
    return [cast(column, Text) if isinstance(column.type, JSON) else column for column in table.columns]


def _check_schema(source: Connection, file: sqlite3.Connection) -> None:
    if not inspect(source).has_table("alembic_version"):
        raise BackupError("The PostgreSQL database has no tables of camrec; is CAMREC_DATABASE_URL the right one?")
    found = source.scalar(text("SELECT version_num FROM alembic_version"))
    (ours,) = file.execute("SELECT version_num FROM alembic_version").fetchone()
    if found != ours:
        raise BackupError(
            f"The database has schema {found}, this program {ours}: start `camrec up` of this version once, which "
            "upgrades it, or take the camrec that runs on it."
        )


def _refuse_rows(connection: Connection, tables: list[Table]) -> None:
    filled = [t.name for t in tables if connection.execute(select(text("1")).select_from(t).limit(1)).first()]
    if filled:
        raise BackupError(
            f"The database {connection.engine.url.database} is in use: it has rows in {', '.join(filled)}. Make an "
            "empty one (createdb camrec_restored) and name it in CAMREC_DATABASE_URL."
        )


def _keep_numbering(source: Connection, file: sqlite3.Connection, table: Table) -> None:
    """Ids of what was deleted are not used again."""
    if table.dialect_options["sqlite"]["autoincrement"] and (sequence := _sequence(source, table)) is not None:
        used = source.scalar(select(func.coalesce(func.pg_sequence_last_value(sequence), 0)))
        file.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
        file.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, used))


def _go_on_numbering(file: sqlite3.Connection, connection: Connection, table: Table) -> None:
    if (sequence := _sequence(connection, table)) is not None:
        (largest,) = file.execute(_sql(select(func.max(table.autoincrement_column)))).fetchone()
        (once_used,) = file.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (table.name,)).fetchone()
        if used := max(largest or 0, once_used or 0):
            connection.execute(select(func.setval(sequence, used)))


def _sequence(connection: Connection, table: Table) -> ColumnElement[Any] | None:
    """What numbers the rows of a table in PostgreSQL; None: it has no numbers."""
    column = table.autoincrement_column
    if column is None:
        return None
    return cast(connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name))), REGCLASS)


def _copy_in(file: sqlite3.Connection, connection: Connection, table: Table) -> Iterator[int]:
    rows = file.execute(_sql(select(table)))
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    driver: Any = connection.connection.driver_connection  # psycopg's: SQLAlchemy knows no COPY
    try:
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            while batch := rows.fetchmany(_BATCH_ROWS):
                for row in batch:
                    copy.write_row(row)
                yield len(batch)
    except driver.Error as error:
        reason = str(error).partition("\n")[0]  # what follows quotes the row
        raise BackupError(f"PostgreSQL does not take the rows of {table.name}: {reason}.") from None


def _sql(statement: Insert | Select[Any]) -> str:
    """For SQLite's driver itself: SQLAlchemy would parse and write each value of JSON."""
    return str(statement.compile(dialect=sqlite.dialect()))
