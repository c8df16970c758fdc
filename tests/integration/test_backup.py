"""Backup of an installation that is in use, and what the API answers after a restore on "another machine"."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from core.clock import SystemClock
from core.settings import Settings, load_settings
from storage.backup.archive import BackupError
from storage.backup.backup import back_up
from storage.backup.chain import BrokenChainError, open_earlier
from storage.backup.encryption import PassphraseError
from storage.backup.restore import restore
from storage.database import Database
from storage.events import EventStore
from storage.progress import Unit
from tests.support.installation import START, answers, client_of, fill, settings_on
from tests.support.processes import CAMREC, children
from tests.support.served_api import ServedApi
from tests.support.stored import an_event

PASSPHRASE = "correct horse"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled data folder, made once: passwords and videos take long."""
    folder = tmp_path_factory.mktemp("template")
    environ = {"CAMREC_DATA": str(folder), "CAMREC_FRAME_DIR": str(folder)}
    fill(load_settings(environ, env_file=folder / "no.env"))
    return folder


@pytest.fixture
def filled(settings: Settings, template: Path) -> Settings:
    shutil.copytree(template, settings.data)
    return settings


def without_media(found: dict[str, tuple[int, bytes]]) -> dict[str, tuple[int, bytes]]:
    return {path: answer for path, answer in found.items() if "/segments/" not in path and "/snapshot" not in path}


@pytest.mark.parametrize(
    ("passphrase", "media", "since"),
    [(None, False, False), (PASSPHRASE, True, False), (PASSPHRASE, True, True)],
    ids=["plain without media", "encrypted with media", "encrypted increment"],
)
def test_the_api_answers_the_same_after_a_restore(
    filled: Settings, tmp_path: Path, passphrase: str | None, media: bool, since: bool
) -> None:
    file, data = tmp_path / "backup.camrec", tmp_path / "another machine" / "data"
    earlier = None
    if since:
        back_up(filled, tmp_path / "earlier", SystemClock(), passphrase, media)
        (filled.media_dir / "later.jpg").write_bytes(b"not in the earlier one")
        earlier = open_earlier(tmp_path / "earlier", passphrase)
    assert back_up(filled, file, SystemClock(), passphrase, media, earlier).size_bytes == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600
    about = restore(filled, file, data, passphrase)
    assert about["media"] is media
    assert "CAMREC_REDIS_URL" not in about["settings"]
    here, there = answers(filled), answers(settings_on(data, filled))
    assert [status for status, _ in here.values()].count(200) >= 20, here
    if media:
        assert there == here
    else:
        assert without_media(there) == without_media(here)
        assert there["/segments/1.mp4"] == (404, b"")
    url = f"/cameras/1/playback.m3u8?from={START}&to={START + 60}"
    assert client_of(settings_on(data, filled)).get(url).status_code == client_of(filled).get(url).status_code == 200
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
            restore(filled, file, tmp_path / "there", wrong)
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
        restore(filled, tmp_path / f"{number}.camrec", tmp_path / f"{number}")
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
        restore(filled, tmp_path / "backup.camrec", data)
    assert [p.name for p in data.iterdir()] == ["thing"]


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A folder that is a mount point, as containers have them."""
    (folder := tmp_path / "volume").mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "camrec", folder]).returncode:
        pytest.skip("nothing can be mounted: not root, or not allowed")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_volume_is_filled(filled: Settings, tmp_path: Path, volume: Path) -> None:
    (volume / "lost+found").mkdir()
    back_up(filled, tmp_path / "backup.camrec", SystemClock(), media=True)
    restore(filled, tmp_path / "backup.camrec", volume)
    assert {p.name for p in volume.iterdir()} >= {"camrec.db", "secret.key", "media", "lost+found"}
    assert not [p for p in volume.iterdir() if p.name.startswith(".")]
    with pytest.raises(BackupError, match="is not empty"):
        restore(filled, tmp_path / "backup.camrec", volume)


def test_damaged_files_leave_nothing_behind(filled: Settings, tmp_path: Path) -> None:
    good, bad, foreign = (tmp_path / name for name in ("good", "bad", "foreign"))
    back_up(filled, good, SystemClock())
    bad.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    with tarfile.open(foreign, "w") as tar:
        tar.add(good, "../evil")
    for file in (bad, foreign):
        with pytest.raises(BackupError):
            restore(filled, file, tmp_path / "there")
    assert not (tmp_path / "there").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".there")]


def test_a_backup_of_the_first_format_is_restored(filled: Settings, tmp_path: Path) -> None:
    about = {"format": "camrec-backup/1", "made_at": "2026-11-23T12:00:00.000Z", "media": True, "settings": {}}
    (tmp_path / "backup.json").write_text(json.dumps(about))
    with tarfile.open(tmp_path / "old", "w") as tar:
        tar.add(tmp_path / "backup.json", "backup.json")
        for name in ("camrec.db", "secret.key", "media/recordings/1/run/0000.mp4"):
            tar.add(filled.data / name, name)
    assert restore(filled, tmp_path / "old", tmp_path / "there") == about
    there = tmp_path / "there" / "media" / "recordings" / "1" / "run" / "0000.mp4"
    assert there.read_bytes() == (filled.media_dir / "recordings" / "1" / "run" / "0000.mp4").read_bytes()
    with pytest.raises(BrokenChainError, match="no list of media"):
        open_earlier(tmp_path / "old", None)


def test_a_backup_of_a_newer_version_is_refused(filled: Settings, tmp_path: Path) -> None:
    database = Database(filled)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    back_up(filled, tmp_path / "newer", SystemClock())
    with pytest.raises(BackupError, match="newer camrec"):
        restore(filled, tmp_path / "newer", tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_file_that_is_there_is_not_overwritten(filled: Settings, tmp_path: Path) -> None:
    (tmp_path / "backup.camrec").write_text("older")
    with pytest.raises(BackupError, match="is there already"):
        back_up(filled, tmp_path / "backup.camrec", SystemClock())
    assert (tmp_path / "backup.camrec").read_text() == "older"


def test_progress_is_told_up_to_the_last_byte(filled: Settings, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    def tell(step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        assert unit == "bytes"
        told.setdefault(step, []).append((done, total))

    (filled.media_dir / "large.mp4").write_bytes(bytes(3_000_000))
    back_up(filled, tmp_path / "backup", SystemClock(), PASSPHRASE, media=True, progress=tell)
    restore(filled, tmp_path / "backup", tmp_path / "there", PASSPHRASE, progress=tell)
    for step in ("writing the archive", "unpacking backup"):
        amounts = told[step]
        assert amounts == sorted(amounts), step
        assert amounts[-1][0] == amounts[-1][1] > 3_000_000, step
        assert len(amounts) > 5, "of a long file it is told while it goes through"


def test_the_commands(filled: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    monkeypatch.setenv("CAMREC_DATA", str(tmp_path / "there"))
    with children(tmp_path) as processes:
        served = ServedApi(processes)  # on a port of its own
        served.log_in("admin")
        here = client_of(filled)
        for path in ("/cameras", "/events", "/plates/lists/1/entries"):
            assert served.call("GET", path) == (200, here.get(path).get_json())
