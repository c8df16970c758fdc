"""Backups of an installation on PostgreSQL whose SQLite file cannot be written, or read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from core.clock import SystemClock
from core.settings import Settings
from storage.backup.archive import BackupError
from storage.backup.backup import back_up
from storage.backup.postgres import rows_from_sqlite
from storage.backup.schedule import make_due
from storage.database import Database
from storage.progress import silent
from tests.integration.database.conftest import emptied
from tests.support.installation import settings_on

pytestmark = pytest.mark.integration


@pytest.fixture(params=["200k", "2m"], ids=["no room for tables", "no room for rows"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder for backups that is full soon."""
    (folder := tmp_path / "small").mkdir()
    size = f"size={request.param}"
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", size, "camrec", str(folder)]).returncode:
        pytest.skip("a small disk cannot be mounted: not root, or not allowed")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
def test_a_full_disk_is_told(settings: Settings, pg_migrated: Database, small_disk: Path) -> None:
    there = settings_on(settings.data, settings, pg_migrated.engine.url.render_as_string(hide_password=False))
    with emptied(pg_migrated).write() as session:
        many = "SELECT 5, 'moving', n, n + 1 FROM generate_series(1, 60000) n"
        session.execute(text(f"INSERT INTO motion_spans (camera_id, kind, started_at, ended_at) {many}"))
    with pytest.raises(BackupError, match=r"The snapshot of the database cannot be written: .* full"):
        back_up(there, small_disk / "backup", SystemClock())
    outcome = make_due(there.model_copy(update={"backup_dir": small_disk}), SystemClock())
    assert "The snapshot of the database cannot be written" in str(outcome.error)
    assert list(small_disk.iterdir()) == []


def test_a_snapshot_that_cannot_be_read_is_told(pg_migrated: Database, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    reading = rows_from_sqlite(tmp_path / "broken.db", emptied(pg_migrated), silent)
    with pytest.raises(BackupError, match="cannot be read: file is not a database"), reading:
        pass
