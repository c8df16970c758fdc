"""Backup of an installation that is in use, and what the API answers after a restore on "another machine"."""

from __future__ import annotations

import subprocess
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from app.api.factory import create_app
from core.clock import SystemClock
from core.settings import Settings, load_settings
from storage.backup.backup import BackupError, back_up
from storage.backup.encryption import PassphraseError
from storage.backup.restore import restore
from storage.database import Database
from storage.events import EventStore
from storage.segments import SegmentStore
from storage.users import UserStore
from tests.support.api_client import ApiClient, password_of
from tests.support.processes import CAMREC
from tests.support.recordings import write_segments
from tests.support.stored import an_event

START = 1_795_435_200.0
CAMERA_URL = "rtsp://user:s3cretW0rd@192.0.2.1/"
PASSPHRASE = "correct horse"
PATHS = ("/cameras", "/cameras/1/zones", "/events", "/clips", f"/cameras/1/timeline?from={START}&to={START + 60}")


@pytest.fixture
def filled(settings: Settings) -> Settings:
    """An installation with a camera, a zone, events and recordings."""
    database = Database(settings)
    database.migrate()
    UserStore(database).add("admin", password_of("admin"), "admin")
    client = client_of(settings)
    client.post("/cameras", {"name": "gate", "url": CAMERA_URL})
    zone = {"name": "yard", "kind": "include", "points": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}
    assert client.put("/cameras/1/zones", [zone]).status_code == 200
    SegmentStore(database).add(write_segments(settings.media_dir, 1, START, 2))
    EventStore(database).put([(an_event(1, START + n), None) for n in range(20)], epoch=1)
    models = settings.models_dir / "models.d"
    models.mkdir(parents=True)
    (models / "mine.yaml").write_text("file: mine.onnx\n")
    (settings.models_dir / "mine.onnx").write_bytes(b"own model")
    (settings.models_dir / "public.onnx").write_bytes(b"model that can be pulled again")
    database.close()
    return settings


def client_of(settings: Settings) -> ApiClient:
    return ApiClient(create_app(settings)).log_in("admin", password_of("admin"))


def answers(settings: Settings) -> dict[str, Any]:
    client = client_of(settings)
    return {path: client.get(path).get_json() for path in PATHS}


def settings_on(data: Path, like: Settings) -> Settings:
    environ = {"CAMREC_DATA": str(data), "CAMREC_FRAME_DIR": str(like.frame_dir)}
    return load_settings(environ, env_file=data / "no.env")


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
@pytest.mark.parametrize("media", [False, True], ids=["without media", "with media"])
def test_the_api_answers_the_same_after_a_restore(
    filled: Settings, tmp_path: Path, passphrase: str | None, media: bool
) -> None:
    file, data = tmp_path / "backup.camrec", tmp_path / "another machine" / "data"
    assert back_up(filled, file, SystemClock(), passphrase, media) == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600
    about = restore(file, data, passphrase)
    assert about["media"] is media
    assert "CAMREC_REDIS_URL" not in about["settings"]
    assert answers(settings_on(data, filled)) == answers(filled)
    url = f"/cameras/1/playback.m3u8?from={START}&to={START + 60}"
    segment = "/segments/1.mp4"
    there = client_of(settings_on(data, filled))
    if media:
        assert there.get(url).status_code == 200
        assert there.get(segment).data == client_of(filled).get(segment).data
    else:
        assert there.get(segment).status_code == 404
    assert (data / "models" / "mine.onnx").read_bytes() == b"own model"
    assert not (data / "models" / "public.onnx").exists()
    assert (data / "secret.key").stat().st_mode & 0o777 == 0o600


def test_nothing_of_it_can_be_read_without_the_passphrase(filled: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup.camrec"
    back_up(filled, file, SystemClock(), PASSPHRASE)
    content = file.read_bytes()
    assert (filled.data / "secret.key").read_bytes() not in content
    assert b"SQLite format 3" not in content
    for wrong in (None, "incorrect horse"):
        with pytest.raises(PassphraseError):
            restore(file, tmp_path / "there", wrong)
    assert not (tmp_path / "there").exists()


def test_a_database_in_use_is_backed_up_whole(filled: Settings, tmp_path: Path) -> None:
    database, stop = Database(filled), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 2
            EventStore(database).put([(an_event(1, START + 1000 + number + k), None) for k in (0, 1)], epoch=1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            back_up(filled, tmp_path / f"{number}.camrec", SystemClock())
    finally:
        stop.set()
        writer.join()
        database.close()
    for number in range(3):
        restore(tmp_path / f"{number}.camrec", tmp_path / f"{number}")
        restored = Database(settings_on(tmp_path / f"{number}", filled))
        assert EventStore(restored).count() % 2 == 0  # transactions are whole
        restored.close()


@pytest.mark.parametrize("content", ["file", "folder"])
def test_a_folder_that_is_not_empty_stays_as_it_is(filled: Settings, tmp_path: Path, content: str) -> None:
    back_up(filled, tmp_path / "backup.camrec", SystemClock())
    data = tmp_path / "used"
    data.mkdir()
    (data / "thing").write_text("") if content == "file" else (data / "thing").mkdir()
    with pytest.raises(BackupError, match="is not empty"):
        restore(tmp_path / "backup.camrec", data)
    assert [p.name for p in data.iterdir()] == ["thing"]


def test_damaged_files_leave_nothing_behind(filled: Settings, tmp_path: Path) -> None:
    good, bad, foreign = (tmp_path / name for name in ("good", "bad", "foreign"))
    back_up(filled, good, SystemClock())
    bad.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    with tarfile.open(foreign, "w") as tar:
        tar.add(good, "../evil")
    for file in (bad, foreign):
        with pytest.raises(BackupError):
            restore(file, tmp_path / "there")
    assert not (tmp_path / "there").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".there")]


def test_a_file_that_is_there_is_not_overwritten(filled: Settings, tmp_path: Path) -> None:
    (tmp_path / "backup.camrec").write_text("older")
    with pytest.raises(BackupError, match="is there already"):
        back_up(filled, tmp_path / "backup.camrec", SystemClock())
    assert (tmp_path / "backup.camrec").read_text() == "older"


def test_postgresql_is_refused_with_the_way_out(settings: Settings, tmp_path: Path) -> None:
    environ = {"CAMREC_DATA": str(tmp_path), "CAMREC_DATABASE_URL": "postgresql://u:s3cret@h/d"}
    with pytest.raises(BackupError, match="pg_dump") as caught:
        back_up(load_settings(environ, tmp_path / "no.env"), tmp_path / "b", SystemClock())
    assert "s3cret" not in str(caught.value)


def test_the_commands(filled: Settings, tmp_path: Path) -> None:
    def camrec(*arguments: str, given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CAMREC, *arguments], cwd=tmp_path, input=given, text=True, capture_output=True, timeout=60
        )

    made = camrec("backup", "b.camrec", "--media", "--passphrase-stdin", given=PASSPHRASE + "\n")
    assert made.returncode == 0, made.stderr
    wrong = camrec("restore", "b.camrec", "--data", "there", "--passphrase-stdin", given="incorrect horse\n")
    assert (wrong.returncode, "passphrase is wrong" in wrong.stderr) == (1, True)
    done = camrec("restore", "b.camrec", "--data", "there", "--passphrase-stdin", given=PASSPHRASE + "\n")
    assert done.returncode == 0, done.stderr
    assert answers(settings_on(tmp_path / "there", filled)) == answers(filled)
