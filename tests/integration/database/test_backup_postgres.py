"""Backups of an installation on PostgreSQL, and restores into and out of it."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from core.clock import SystemClock
from core.errors import UnavailableError
from core.settings import Settings
from core.sightings import ANY
from storage.backup.archive import BackupError
from storage.backup.backup import back_up
from storage.backup.restore import restore
from storage.backup.schedule import make_due
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.gallery import GalleryStore
from storage.models import CameraRow, EventRow, SegmentRow
from storage.progress import Unit
from storage.secrets import Secrets
from storage.vector_index import VectorIndex, prepare
from tests.integration.database.conftest import emptied, pg_execute, pg_settings, settings_for
from tests.integration.database.test_gallery_index import look, sighting
from tests.support.installation import START, answers, client_of, fill, settings_on
from tests.support.processes import CAMREC
from tests.support.stored import an_event

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def another_postgres(pg_socket_dir: Path) -> str:
    """URL of a database of its own on the same server, first without tables."""
    pg_execute(pg_socket_dir, "CREATE DATABASE another")
    return url_of(pg_settings(pg_socket_dir, "another", Path()))


@pytest.fixture
def empty_postgres(another_postgres: str, tmp_path: Path) -> Iterator[str]:
    yield another_postgres
    database = Database(settings_for(tmp_path, another_postgres))
    database.migrate()
    emptied(database).close()


@pytest.fixture
def on_postgres(settings: Settings, pg_migrated: Database) -> Settings:
    """An installation on PostgreSQL with no rows."""
    return settings_on(settings.data, settings, pg_migrated.engine.url.render_as_string(hide_password=False))


def url_of(settings: Settings) -> str:
    return settings.resolve_database_url()


@pytest.fixture
def source(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """An installation with something of everything on the database that the test says."""
    if request.param == "sqlite":
        return fill(settings_on(settings.data, settings))
    emptied(request.getfixturevalue("pg_migrated"))
    return fill(request.getfixturevalue("on_postgres"))


def with_cameras(database: Database, settings: Settings) -> Database:
    """Emptied, and with five cameras."""
    cameras = [Camera(number, f"camera {number}", "rtsp://192.0.2.1/") for number in range(1, 6)]
    CameraStore(emptied(database), Secrets(settings.data)).replace_all(cameras)
    return database


def counts(settings: Settings) -> dict[str, int]:
    database = Database(settings)
    with database.read() as session:
        rows = {row.__tablename__: select(func.count()).select_from(row) for row in (CameraRow, EventRow, SegmentRow)}
        return {table: session.scalar(count) or 0 for table, count in rows.items()}


@pytest.mark.parametrize(
    ("source", "target"),
    [("postgresql", "postgresql"), ("postgresql", "sqlite"), ("sqlite", "postgresql")],
    indirect=["source"],
    ids=str,
)
def test_the_api_answers_the_same_on_another_database(
    source: Settings, target: str, empty_postgres: str, tmp_path: Path
) -> None:
    client = client_of(source)
    entry = client.post("/plates/lists/1/entries", {"plate": "GONE1"}).get_json()["id"]
    assert client.delete(f"/plates/lists/1/entries/{entry}").status_code == 204
    file, data = tmp_path / "backup", tmp_path / "there" / "data"
    back_up(source, file, SystemClock(), media=True)
    there = settings_on(data, source, empty_postgres if target == "postgresql" else "")
    about = restore(there, file, data)
    assert about["media"] is True
    assert (data / "camrec.db").exists() == (target == "sqlite")
    expected = answers(source)
    assert [status for status, _ in expected.values()].count(200) >= 20, expected
    assert answers(there) == expected
    assert counts(there) == counts(source)
    client = client_of(there)
    added = client.post("/plates/lists/1/entries", {"plate": "NEW1"})
    assert added.status_code == 201, added.text
    assert added.get_json()["id"] > entry, "ids of what was deleted are not used again"
    assert client.post("/cameras", {"name": "yard", "url": "rtsp://192.0.2.2/"}).get_json()["id"] == 2


def test_a_snapshot_is_of_one_moment(on_postgres: Settings, pg_migrated: Database, tmp_path: Path) -> None:
    store, stop = EventStore(with_cameras(pg_migrated, on_postgres)), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 2
            store.put([(an_event(1, START + number + k), None) for k in (0, 1)], epoch=1)

    told: list[tuple[str, int, int]] = []

    def tell(step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        assert unit == ("rows" if step == "reading PostgreSQL" else "bytes")
        told.append((step, done, total))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            back_up(on_postgres, tmp_path / f"{number}", SystemClock(), progress=tell)
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        there = settings_on(tmp_path / f"data{number}", on_postgres)
        restore(there, tmp_path / f"{number}", there.data)
        restored = Database(there)
        assert EventStore(restored).count() % 2 == 0
        restored.close()
    rows = [(done, total) for step, done, total in told if step == "reading PostgreSQL"]
    assert rows
    assert all(0 < done <= total for done, total in rows)
    assert {step for step, *_ in told} == {"reading PostgreSQL", "writing the archive"}


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_database_in_use_is_refused_and_stays(source: Settings, empty_postgres: str, tmp_path: Path) -> None:
    back_up(source, tmp_path / "backup", SystemClock())
    there = settings_on(tmp_path / "there", source, empty_postgres)
    restore(there, tmp_path / "backup", tmp_path / "there")
    before = counts(there)
    with pytest.raises(BackupError, match=r"another is in use: it has rows in .*createdb"):
        restore(there, tmp_path / "backup", tmp_path / "elsewhere")
    assert counts(there) == before
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_rows_that_postgresql_does_not_take_leave_nothing(
    source: Settings, empty_postgres: str, tmp_path: Path
) -> None:
    database = Database(source)
    with database.write() as session:
        session.execute(text("UPDATE events SET text = :text"), {"text": "secret plate " * 10})
    database.close()
    back_up(source, tmp_path / "backup", SystemClock())
    there = settings_on(tmp_path / "there", source, empty_postgres)
    with pytest.raises(BackupError, match="does not take the rows of events: value too long") as caught:
        restore(there, tmp_path / "backup", tmp_path / "there")
    assert "secret" not in str(caught.value)
    assert set(counts(there).values()) == {0}
    assert not (tmp_path / "there" / "secret.key").exists()


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_rows_do_not_stay_where_the_folder_cannot_be_placed(
    source: Settings, empty_postgres: str, tmp_path: Path
) -> None:
    back_up(source, tmp_path / "backup", SystemClock())
    (data := tmp_path / "there").mkdir()
    there = settings_on(data, source, empty_postgres)

    def intrude(step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        if (step, done, unit) == ("writing PostgreSQL", total, "rows"):
            (data / "of somebody else").write_text("")

    with pytest.raises(BackupError, match=r"cannot be restored into .*not empty"):
        restore(there, tmp_path / "backup", data, progress=intrude)
    assert set(counts(there).values()) == {0}
    assert [path.name for path in data.iterdir() if path.name != "migration.lock"] == ["of somebody else"]


def test_what_is_no_database_of_this_version_is_refused(
    on_postgres: Settings, pg_migrated: Database, tmp_path: Path, pg_socket_dir: Path
) -> None:
    with pg_migrated.write() as session:
        newest = session.scalar(text("SELECT version_num FROM alembic_version"))
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    try:
        with pytest.raises(BackupError, match=f"has schema 0001, this program {newest}"):
            back_up(on_postgres, tmp_path / "backup", SystemClock())
    finally:
        with pg_migrated.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :newest"), {"newest": newest})
    pg_execute(pg_socket_dir, "CREATE DATABASE strange")
    strange = settings_on(on_postgres.data, on_postgres, url_of(pg_settings(pg_socket_dir, "strange", Path())))
    with pytest.raises(BackupError, match="no tables of camrec"):
        back_up(strange, tmp_path / "backup", SystemClock())
    assert not (tmp_path / "backup").exists()


def test_an_unreachable_database_is_told_without_its_password(settings: Settings, tmp_path: Path) -> None:
    there = settings_on(settings.data, settings, "postgresql://u:s3cret@127.0.0.1:1/d")
    with pytest.raises(UnavailableError, match="database cannot be used now") as caught:
        back_up(there, tmp_path / "backup", SystemClock())
    assert "s3cret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "safe").mkdir()
    outcome = make_due(there.model_copy(update={"backup_dir": tmp_path / "safe"}), SystemClock())
    assert outcome.error == "The database cannot be used now; the log says more.", "health tells everybody"
    assert list((tmp_path / "safe").iterdir()) == []


def test_scheduled_backups_are_made_of_postgresql(on_postgres: Settings, pg_migrated: Database, tmp_path: Path) -> None:
    EventStore(with_cameras(pg_migrated, on_postgres)).put([(an_event(1, START), None)], epoch=1)
    (tmp_path / "safe").mkdir()
    outcome = make_due(on_postgres.model_copy(update={"backup_dir": tmp_path / "safe"}), SystemClock())
    assert (outcome.error, outcome.count) == (None, 1)
    (file,) = (tmp_path / "safe").iterdir()
    there = settings_on(tmp_path / "there", on_postgres)
    restore(there, file, there.data)
    assert counts(there)["events"] == 1


def test_pgvector_finds_what_was_restored(
    pg_vector_migrated: Database, pg_vector_socket_dir: Path, settings: Settings, tmp_path: Path
) -> None:
    """Its column is not in the backup: it is filled again from the vectors."""
    here = settings_on(settings.data, settings, pg_vector_migrated.engine.url.render_as_string(hide_password=False))
    gallery = GalleryStore(with_cameras(pg_vector_migrated, here))
    for number in range(20):
        gallery.add(sighting(number))
    assert prepare(pg_vector_migrated) is None
    expected = VectorIndex(pg_vector_migrated).search(look(3), 5, ANY)
    back_up(here, tmp_path / "backup", SystemClock())
    pg_execute(pg_vector_socket_dir, "CREATE DATABASE restored")
    there = pg_settings(pg_vector_socket_dir, "restored", tmp_path / "there")
    restore(there, tmp_path / "backup", there.data)
    database = Database(there)
    assert prepare(database) is None
    found = VectorIndex(database).search(look(3), 5, ANY)
    assert [(hit.key, hit.group) for hit in found] == [(hit.key, hit.group) for hit in expected]
    assert len(found) == 5
    database.close()


@pytest.mark.parametrize("source", ["postgresql"], indirect=True)
def test_the_commands(source: Settings, empty_postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def camrec(*arguments: str, url: str) -> dict[str, object]:
        monkeypatch.setenv("CAMREC_DATABASE_URL", url)
        done = subprocess.run([*CAMREC, *arguments, "--json"], cwd=tmp_path, text=True, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        document: dict[str, object] = json.loads(done.stdout)
        return document

    made = camrec("backup", "backup", "--media", url=url_of(source))
    assert (made["file"], made["redis_missing"]) == ("backup", None)
    assert made["size_bytes"] == (tmp_path / "backup").stat().st_size
    restored = camrec("restore", "backup", "--data", "there", url=empty_postgres)
    assert (restored["data"], restored["media"]) == (str(tmp_path / "there"), True)
    assert counts(settings_on(tmp_path / "there", source, empty_postgres)) == counts(source)
