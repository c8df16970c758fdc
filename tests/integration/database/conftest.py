"""A migrated database, once as SQLite and once as a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from core.settings import Settings, load_settings
from storage.cameras import CameraStore
from storage.database import Database
from storage.models import Base
from storage.secrets import Secrets
from tests.support.postgres_process import PG_WHEEL, postgres_or_skip

_numbers = itertools.count()


@pytest.fixture(scope="session")
def pg_socket_dir() -> Iterator[Path]:
    """The machine's PostgreSQL, else the wheel's, listening on a socket in this folder; superuser ``camrec``."""
    with postgres_or_skip() as process:
        yield process.folder


@pytest.fixture(scope="session")
def pg_vector_socket_dir() -> Iterator[Path]:
    """The same, of the wheel, which brings pgvector."""
    with postgres_or_skip(PG_WHEEL) as process:
        yield process.folder


@pytest.fixture(scope="session")
def pg_migrated(pg_socket_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The one PostgreSQL database with tables: a new one for each test would take half a gigabyte of disk."""
    pg_execute(pg_socket_dir, "CREATE DATABASE migrated")
    database = Database(pg_settings(pg_socket_dir, "migrated", tmp_path_factory.mktemp("data")))
    database.migrate()
    yield database
    database.close()


@pytest.fixture(scope="session")
def pg_vector_migrated(pg_vector_socket_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with tables, on a server that has pgvector."""
    pg_execute(pg_vector_socket_dir, "CREATE DATABASE migrated")
    database = Database(pg_settings(pg_vector_socket_dir, "migrated", tmp_path_factory.mktemp("data")))
    database.migrate()
    yield database
    database.close()


def emptied(database: Database) -> Database:
    """Every table without rows."""
    with database.write() as session:
        session.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY CASCADE"))
    return database


def pg_execute(socket_dir: Path, statement: str) -> None:
    engine = create_engine(f"postgresql+psycopg://camrec@/postgres?host={socket_dir}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def pg_settings(socket_dir: Path, name: str, data: Path) -> Settings:
    return settings_for(data, f"postgresql://camrec@/{name}?host={socket_dir}")


def settings_for(data: Path, database_url: str = "") -> Settings:
    environ = {"CAMREC_DATA": str(data), "CAMREC_DATABASE_URL": database_url}
    return load_settings(environ, env_file=data / "no.env")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a database without tables."""
    if request.param == "sqlite":
        return settings_for(tmp_path)
    socket_dir: Path = request.getfixturevalue("pg_socket_dir")
    name = f"empty{next(_numbers)}"
    pg_execute(socket_dir, f"CREATE DATABASE {name}")
    return pg_settings(socket_dir, name, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the newest schema with no rows."""
    if request.param == "sqlite":
        database = Database(settings_for(tmp_path))
        database.migrate()
        yield database
        database.close()
        return
    yield emptied(request.getfixturevalue("pg_migrated"))


@pytest.fixture
def cameras(database: Database, tmp_path: Path) -> CameraStore:
    return CameraStore(database, Secrets(tmp_path))
