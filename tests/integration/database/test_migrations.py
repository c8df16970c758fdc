from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from core.errors import UnavailableError
from core.settings import Settings, load_settings
from storage.database import Database
from storage.models import Base

MIGRATE = """
from core.settings import load_settings
from storage.database import Database
Database(load_settings()).migrate()
"""


def test_twice_is_as_once(empty_settings: Settings) -> None:
    database = Database(empty_settings)
    database.migrate()
    tables = set(inspect(database.engine).get_table_names())
    database.migrate()
    assert set(inspect(database.engine).get_table_names()) == tables == {*Base.metadata.tables, "alembic_version"}
    database.close()


def test_schema_is_that_of_the_models(empty_settings: Settings) -> None:
    database = Database(empty_settings)
    database.migrate()
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    database.close()


def test_several_processes_at_once(empty_settings: Settings, tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "CAMREC_DATA": str(empty_settings.data),
        "CAMREC_DATABASE_URL": empty_settings.resolve_database_url(),
    }
    processes = [
        subprocess.Popen([sys.executable, "-c", MIGRATE], env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outcomes = [(p.communicate(timeout=60)[1], p.returncode) for p in processes]
    assert outcomes == [("", 0)] * 4


def test_no_server_is_said_without_the_password(tmp_path: Path) -> None:
    database = Database(settings_of(tmp_path, "postgresql://camrec:s3cret@127.0.0.1:1/camrec"))
    with pytest.raises(UnavailableError, match="cannot be used now") as caught:
        database.migrate()
    assert "s3cret" not in str(caught.value)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"file/below cannot be made"):
        Database(settings_of(tmp_path, f"sqlite:///{tmp_path}/file/below/camrec.db"))


def settings_of(data: Path, database_url: str) -> Settings:
    return load_settings({"CAMREC_DATA": str(data), "CAMREC_DATABASE_URL": database_url}, data / "no.env")
