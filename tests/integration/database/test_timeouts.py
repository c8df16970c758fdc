"""Nobody waits for ever for a database that is there but does not answer."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from core.errors import UnavailableError
from storage import database as database_module
from storage import postgres
from storage.database import Database
from tests.integration.database.conftest import pg_settings, settings_for
from tests.support.postgres_process import PostgresProcess

LATE_S = 2.0


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "CONNECT_TIMEOUT_S", 2)
    monkeypatch.setattr(postgres, "ANSWER_TIMEOUT_S", 1.0)
    monkeypatch.setattr(database_module, "POOL_TIMEOUT_S", 0.5)


def refused_after_s(database: Database) -> float:
    started_s = time.monotonic()
    with pytest.raises(UnavailableError, match="The database cannot be used now"), database.read() as session:
        session.execute(text("SELECT 1"))
    return time.monotonic() - started_s


def test_a_server_that_takes_connections_and_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://camrec@127.0.0.1:{server.getsockname()[1]}/camrec"
        database = Database(settings_for(tmp_path, url))
        assert refused_after_s(database) < 2 + LATE_S


def test_a_server_that_freezes_while_connections_to_it_are_open(tmp_path: Path, own_postgres: PostgresProcess) -> None:
    database = Database(pg_settings(own_postgres.folder, "postgres", tmp_path))
    with database.read() as one, database.read() as another:
        one.execute(text("SELECT 1"))
        another.execute(text("SELECT 1"))
    with own_postgres.frozen():
        assert refused_after_s(database) < 1 + 2 + LATE_S
        assert refused_after_s(database) < 2 + LATE_S, "the others of the pool are not tried one by one"
    with database.read() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1, "it goes on"
    database.close()


def test_a_server_that_was_started_anew_is_no_outage(tmp_path: Path, own_postgres: PostgresProcess) -> None:
    database = Database(pg_settings(own_postgres.folder, "postgres", tmp_path))
    with database.read() as session:
        session.execute(text("SELECT 1"))
    own_postgres.stop("fast")
    own_postgres.start()
    with database.read() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
    database.close()


def test_all_connections_are_in_use(tmp_path: Path) -> None:
    database = Database(settings_for(tmp_path))
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(database.read())
        assert refused_after_s(database) < LATE_S
    database.close()
