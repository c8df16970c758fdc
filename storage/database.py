"""The database: SQLite in WAL mode by default, PostgreSQL when ``CAMREC_DATABASE_URL`` says so."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from core.errors import BadSettingError, UnavailableError
from core.figures import DATABASE_ERRORS, DATABASE_SECONDS
from core.redact import redact
from core.settings import Settings

SQLITE_BUSY_TIMEOUT_S = 5.0
POOL_TIMEOUT_S = 10.0
"""For a connection, while all are in use."""
_WRITES = "camrec_writes"
_MIGRATION_LOCK = 0x63616D72  # any number that is ours: PostgreSQL's advisory locks are numbered


def insert_or(session: Session, table: Any) -> Any:
    """An INSERT that may say ON CONFLICT, which SQLite and PostgreSQL write alike."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return (sqlite.insert if is_sqlite else postgresql.insert)(table)


class Database:
    """Sessions on the one database of the installation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.engine = _make_engine(settings)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking.

        Raises:
            UnavailableError: the database cannot be reached, or stays locked.
        """
        with self._session(writes=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back on any error.

        Raises:
            UnavailableError: the database cannot be reached, or stays locked.
        """
        with self._session(writes=True) as session:
            yield session
            session.commit()

    @contextmanager
    def _session(self, writes: bool) -> Iterator[Session]:
        operation, started_s = "write" if writes else "read", time.monotonic()
        try:
            with self._sessions() as session:
                session.connection(execution_options={_WRITES: writes})
                yield session
            DATABASE_SECONDS.labels(operation).observe(time.monotonic() - started_s)
        except (OperationalError, InterfaceError) as error:
            DATABASE_ERRORS.labels(operation).inc()
            # str(error) would carry the statement's parameters, which may be secrets.
            raise UnavailableError(f"The database cannot be used now: {redact(str(error.orig)).strip()}") from error
        except PoolTimeoutError as error:
            DATABASE_ERRORS.labels(operation).inc()
            raise UnavailableError("The database cannot be used now: all connections to it are in use.") from error

    def migrate(self) -> None:
        """Bring the schema to the newest version; several processes may call it at once."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        try:
            with self._migration_lock(), self.engine.connect() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except (OperationalError, InterfaceError) as error:
            raise UnavailableError(f"The database cannot be used now: {redact(str(error.orig)).strip()}") from error

    @contextmanager
    def _migration_lock(self) -> Iterator[None]:
        if self.engine.dialect.name == "sqlite":
            _make_folder(self._settings.data)
            with (self._settings.data / "migration.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        else:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": _MIGRATION_LOCK})
                try:
                    yield
                finally:
                    connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _MIGRATION_LOCK})

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"The folder {folder} cannot be made: {error.strerror}.") from error


def database_url(settings: Settings) -> URL:
    """Where the database is, with the driver that is used.

    Raises:
        BadSettingError: CAMREC_DATABASE_URL is not one that can be used.
    """
    try:
        url = make_url(settings.resolve_database_url())
        if url.drivername in {"postgres", "postgresql"}:
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect().import_dbapi()
        return url
    except (ArgumentError, ImportError, ValueError):
        # What SQLAlchemy says may quote a part of the password.
        raise BadSettingError(
            "CAMREC_DATABASE_URL is not one that can be used: postgresql://HOST:5432/NAME is expected, with user, "
            "colon, password (special characters percent-encoded) and @ before HOST; unset, SQLite is used."
        ) from None


def is_postgres(settings: Settings) -> bool:
    """Whether the database is PostgreSQL; else it is SQLite."""
    return database_url(settings).get_backend_name() == "postgresql"


def _make_engine(settings: Settings) -> Engine:
    url = database_url(settings)
    pool: dict[str, Any] = {
        "pool_size": 10,
        "max_overflow": 20,
        "pool_timeout": POOL_TIMEOUT_S,
        "hide_parameters": True,
    }
    if url.get_backend_name() != "sqlite":
        from storage.postgres import make_postgres_engine  # its driver takes memory that SQLite does not need

        return make_postgres_engine(url, **pool)
    if url.database:
        _make_folder(Path(url.database).parent)
    engine = create_engine(
        url,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_S, "check_same_thread": False},
        **pool,
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # A transaction that reads first and writes later cannot wait for the lock: SQLite refuses it at once.
        immediate = connection.get_execution_options().get(_WRITES, True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
