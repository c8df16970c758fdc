"""Backups that hold only what the earlier ones do not."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.settings import Settings
from storage.backup.archive import read_head
from storage.backup.backup import back_up
from storage.backup.chain import BrokenChainError, open_earlier
from storage.backup.encryption import PassphraseError
from storage.backup.restore import restore
from storage.database import Database
from tests.support.installation import settings_on
from tests.support.processes import CAMREC

PASSPHRASE = "correct horse"
DAYS = ("monday", "tuesday", "wednesday")


def migrate(settings: Settings) -> None:
    database = Database(settings)
    database.migrate()
    database.close()


def write(settings: Settings, name: str, content: bytes) -> None:
    path = settings.media_dir / "frames" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def media_of(data: Path) -> dict[str, bytes]:
    folder = data / "media"
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def stored_in(file: Path) -> set[str]:
    with tarfile.open(file) as tar:
        return {name.removeprefix("media/") for name in tar.getnames() if name.startswith("media/")}


def back_up_since(settings: Settings, file: Path, earlier: Path | None, passphrase: str | None = None) -> Path:
    since = None if earlier is None else open_earlier(earlier, passphrase)
    back_up(settings, file, SystemClock(), passphrase, media=True, since=since)
    return file


@pytest.fixture
def chain(settings: Settings, tmp_path: Path) -> list[Path]:
    """A whole backup and two increments. Each day a file comes; on Wednesday one has changed and one is gone."""
    migrate(settings)
    write(settings, "always.jpg", b"always")
    files: list[Path] = []
    (tmp_path / "safe").mkdir()
    for day in DAYS:
        write(settings, f"{day}.jpg", day.encode())
        if day == "wednesday":
            write(settings, "growing.mp4", b"longer than it was")
            (settings.media_dir / "frames" / "tuesday.jpg").unlink()
        else:
            write(settings, f"growing-{day}.mp4", b"long")
            write(settings, "growing.mp4", b"short")
        files.append(back_up_since(settings, tmp_path / "safe" / day, files[-1] if files else None))
    return files


def test_an_increment_holds_what_is_new_and_restores_everything(
    settings: Settings, chain: list[Path], tmp_path: Path
) -> None:
    assert {"frames/monday.jpg", "frames/always.jpg"} < stored_in(chain[0])
    assert stored_in(chain[1]) == {"frames/tuesday.jpg", "frames/growing-tuesday.mp4"} | (
        stored_in(chain[1]) & {"frames/growing.mp4"}  # written anew within a millisecond or not
    )
    assert stored_in(chain[2]) == {"frames/wednesday.jpg", "frames/growing.mp4"}
    assert set(read_head(chain[2], None).needs.values()) == {"monday", "tuesday"}
    restore(settings, chain[2], tmp_path / "there")
    assert media_of(tmp_path / "there") == media_of(settings.data)


def test_a_chain_goes_on_after_a_restore(settings: Settings, chain: list[Path], tmp_path: Path) -> None:
    restore(settings, chain[2], tmp_path / "there")
    there = settings_on(tmp_path / "there", settings)
    write(there, "thursday.jpg", b"thursday")
    thursday = back_up_since(there, chain[2].with_name("thursday"), chain[2])
    assert stored_in(thursday) == {"frames/thursday.jpg"}, "restored files are known by size and time"


def test_an_earlier_state_needs_no_later_backup(settings: Settings, chain: list[Path], tmp_path: Path) -> None:
    chain[2].unlink()
    restore(settings, chain[1], tmp_path / "there")
    media = media_of(tmp_path / "there")
    assert (media["frames/tuesday.jpg"], media["frames/growing.mp4"]) == (b"tuesday", b"short")
    assert "frames/wednesday.jpg" not in media


@pytest.mark.parametrize("hole", ["gone", "another under its name", "cut off"])
def test_a_chain_with_a_hole_is_refused(settings: Settings, chain: list[Path], tmp_path: Path, hole: str) -> None:
    content = chain[0].read_bytes()
    chain[0].unlink()
    if hole == "another under its name":
        back_up_since(settings, chain[0], None)
    elif hole == "cut off":
        chain[0].write_bytes(content[: len(content) // 2])
    with pytest.raises(Exception, match="monday") as caught:
        restore(settings, chain[2], tmp_path / "there")
    assert isinstance(caught.value, BrokenChainError) == (hole != "cut off")
    assert sorted(p.name for p in tmp_path.iterdir() if "there" in p.name) == []
    if hole == "gone":
        with pytest.raises(BrokenChainError, match="monday"):
            open_earlier(chain[2], None)
    chain[0].unlink(missing_ok=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(content)
    restore(settings, chain[2], tmp_path / "there", bases=[elsewhere])
    assert media_of(tmp_path / "there") == media_of(settings.data)


def test_one_content_under_two_names_is_stored_under_both(settings: Settings, tmp_path: Path) -> None:
    """A link within the archive could point at what an increment does not take from it."""
    migrate(settings)
    write(settings, "first.mp4", b"content")
    os.link(settings.media_dir / "frames" / "first.mp4", settings.media_dir / "frames" / "second.mp4")
    whole = back_up_since(settings, tmp_path / "whole", None)
    (settings.media_dir / "frames" / "first.mp4").unlink()
    increment = back_up_since(settings, tmp_path / "increment", whole)
    assert stored_in(increment) == set()
    restore(settings, increment, tmp_path / "there")
    assert media_of(tmp_path / "there") == {"frames/second.mp4": b"content"}


def test_a_backup_without_media_is_not_built_on(settings: Settings, chain: list[Path], tmp_path: Path) -> None:
    back_up(settings, tmp_path / "bare", SystemClock())
    with pytest.raises(BrokenChainError, match="no list of media"):
        open_earlier(tmp_path / "bare", None)


def test_an_encrypted_chain_needs_its_passphrase(settings: Settings, tmp_path: Path) -> None:
    migrate(settings)
    write(settings, "old.mp4", bytes(20_000))
    whole = back_up_since(settings, tmp_path / "whole", None, PASSPHRASE)
    write(settings, "new.jpg", b"new")
    for wrong in (None, "incorrect horse"):
        with pytest.raises(PassphraseError):
            open_earlier(whole, wrong)
    increment = back_up_since(settings, tmp_path / "increment", whole, PASSPHRASE)
    assert increment.stat().st_size < whole.stat().st_size - 10_000
    restore(settings, increment, tmp_path / "there", PASSPHRASE)
    assert media_of(tmp_path / "there") == media_of(settings.data)


def test_the_commands(settings: Settings, chain: list[Path], tmp_path: Path) -> None:
    def camrec(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*CAMREC, *arguments], cwd=tmp_path, text=True, capture_output=True, timeout=60)

    assert "--since goes with --media" in camrec("backup", "b", "--since", str(chain[2])).stderr
    made = camrec("backup", "b", "--media", "--since", str(chain[2]))
    assert made.returncode == 0, made.stderr
    refused = camrec("restore", "b", "--data", "there")
    assert (refused.returncode, "monday, tuesday, wednesday" in refused.stderr) == (1, True), refused.stderr
    bases = [option for file in chain for option in ("--base", str(file))]
    done = camrec("restore", "b", "--data", "there", *bases)
    assert done.returncode == 0, done.stderr
    assert media_of(tmp_path / "there") == media_of(settings.data)
