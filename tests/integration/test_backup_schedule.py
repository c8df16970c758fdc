"""Backups by beat: made when due, kept as many as wanted, told about when they fail."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from core import keys
from core.settings import Settings, get_settings
from storage.backup.restore import restore
from storage.backup.schedule import BusyError, make_due
from storage.database import Database
from tests.support.installation import health_parts
from tests.support.manual_clock import ManualClock
from tests.support.processes import children
from tests.support.waiting import wait_until

DAY_S = 86_400.0
PASSPHRASE = "correct horse"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def scheduled(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with a folder for backups; child processes know of it, too."""
    database = Database(settings)
    database.migrate()
    database.close()
    (tmp_path / "safe").mkdir()
    monkeypatch.setenv("CAMREC_BACKUP_DIR", str(tmp_path / "safe"))
    get_settings.cache_clear()
    return get_settings()


def names(settings: Settings) -> list[str]:
    assert settings.backup_dir is not None
    return sorted(path.name for path in settings.backup_dir.iterdir())


def with_passphrase(settings: Settings, path: Path, mode: int = 0o600) -> Settings:
    path.write_text(PASSPHRASE + "\n")
    path.chmod(mode)
    return settings.model_copy(update={"backup_passphrase_file": path})


def test_a_backup_is_made_when_it_is_due(scheduled: Settings, clock: ManualClock, tmp_path: Path) -> None:
    assert make_due(scheduled, clock).error is None
    assert names(scheduled) == ["camrec-20270115-080000"]
    clock.advance(DAY_S - 1)
    assert make_due(scheduled, clock).made_at == 1_800_000_000.0
    assert len(names(scheduled)) == 1, "not due yet"
    clock.advance(1)
    assert make_due(scheduled, clock).count == 2
    assert names(scheduled)[1] == "camrec-20270116-080000"
    restore(scheduled, tmp_path / "safe" / names(scheduled)[1], tmp_path / "there")


def test_the_oldest_go_but_not_those_that_others_build_on(
    scheduled: Settings, clock: ManualClock, tmp_path: Path
) -> None:
    settings = with_passphrase(scheduled, tmp_path / "passphrase")
    settings = settings.model_copy(update={"backup_media": True, "backup_keep": 3})
    settings.media_dir.mkdir(parents=True)
    kinds = []
    for day in range(10):
        (settings.media_dir / f"{day}.jpg").write_text(str(day))
        assert make_due(settings, clock).error is None
        kinds.append(names(settings)[-1].endswith("-increment"))
        clock.advance(DAY_S)
    assert kinds == [False, *6 * [True], False, True, True], "a whole one, six increments, a whole one"
    assert len(names(settings)) == 3, "the first chain is needed no more"
    restore(settings, tmp_path / "safe" / names(settings)[-1], tmp_path / "there", PASSPHRASE)
    assert sorted(p.name for p in (tmp_path / "there" / "media").iterdir()) == [f"{day}.jpg" for day in range(10)]


def test_increments_keep_what_they_build_on(scheduled: Settings, clock: ManualClock) -> None:
    settings = scheduled.model_copy(update={"backup_media": True, "backup_keep": 1})
    for _ in range(3):
        make_due(settings, clock)
        clock.advance(DAY_S)
    assert len(names(settings)) == 3


@pytest.mark.parametrize("cause", ["another passphrase", "a hole"])
def test_a_chain_that_cannot_go_on_begins_anew(
    scheduled: Settings, clock: ManualClock, tmp_path: Path, cause: str
) -> None:
    settings = with_passphrase(scheduled, tmp_path / "passphrase").model_copy(update={"backup_media": True})
    settings.media_dir.mkdir(parents=True)
    (settings.media_dir / "a.jpg").write_text("a")
    for _ in range(2):
        make_due(settings, clock)
        clock.advance(DAY_S)
    if cause == "a hole":
        (tmp_path / "safe" / names(settings)[0]).write_bytes(b"not what it was")
    else:
        (tmp_path / "passphrase").write_text("quite another one")
    assert make_due(settings, clock).error is None
    assert not names(settings)[-1].endswith("-increment")


def test_names_of_the_future_stop_nothing(scheduled: Settings, clock: ManualClock, tmp_path: Path) -> None:
    """The clock was a year ahead when one was made."""
    (tmp_path / "safe" / "camrec-20280115-080000").write_text("")
    for _ in range(2):
        outcome = make_due(scheduled, clock)
        assert outcome.count == 2, "one is made, and not one each turn"
        assert outcome.made_at == clock.now(), "health would wait for a year"


def test_names_of_the_future_go_first(scheduled: Settings, clock: ManualClock, tmp_path: Path) -> None:
    """The clock was a month ahead for two days: what was made then must not push out what is made now."""
    settings = scheduled.model_copy(update={"backup_media": True, "backup_keep": 3})
    settings.media_dir.mkdir(parents=True)
    make_due(settings, clock)
    ahead = ManualClock(clock.now() + 30 * DAY_S)
    for _ in range(2):
        assert make_due(settings, ahead).error is None
        ahead.advance(DAY_S)
    wrong = names(settings)[1:]
    assert [name.endswith("-increment") for name in wrong] == [True, True]
    for day in range(1, 10):
        clock.advance(DAY_S)
        (settings.media_dir / f"{day}.jpg").write_text(str(day))
        outcome = make_due(settings, clock)
        assert (outcome.error, outcome.made_at) == (None, clock.now())
        left = set(names(settings)) & set(wrong)
        assert left == (set(wrong) if day == 1 else set()), "the second builds on the first: they go together"
        restore(settings, newest_of_now(settings, clock), tmp_path / f"{day}")
        assert len(list((tmp_path / f"{day}" / "media").iterdir())) == day


def newest_of_now(settings: Settings, clock: ManualClock) -> Path:
    assert settings.backup_dir is not None
    stamp = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%d-%H%M%S")
    (path,) = settings.backup_dir.glob(f"camrec-{stamp}*")
    return path


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620], ids=oct)
def test_a_passphrase_that_others_may_use_is_refused(
    scheduled: Settings, clock: ManualClock, tmp_path: Path, mode: int
) -> None:
    settings = with_passphrase(scheduled, tmp_path / "passphrase", mode)
    error = make_due(settings, clock).error
    assert error is not None
    assert f"mode {mode:o}" in error
    assert "chmod 600 CAMREC_BACKUP_PASSPHRASE_FILE" in error
    assert str(tmp_path) not in error
    assert names(settings) == []
    (tmp_path / "passphrase").chmod(0o600)
    assert make_due(settings, clock).error is None, "the next turn tries again"


@pytest.mark.parametrize("cause", ["folder gone", "no database"])
def test_failures_are_told_and_leave_nothing(scheduled: Settings, clock: ManualClock, cause: str) -> None:
    assert scheduled.backup_dir is not None
    if cause == "folder gone":
        scheduled.backup_dir.rmdir()
    else:
        (scheduled.data / "camrec.db").unlink()
    outcome = make_due(scheduled, clock)
    assert outcome.made_at is None
    assert ("is not there" if cause == "folder gone" else "There is no database") in str(outcome.error)
    assert scheduled.backup_dir.exists() == (cause == "no database"), "where a disk is not mounted, none is made"


def test_two_do_not_run_at_once_and_drafts_of_killed_ones_go(scheduled: Settings, clock: ManualClock) -> None:
    assert scheduled.backup_dir is not None
    (scheduled.backup_dir / ".camrec-20260101-000000.77").write_bytes(b"half a backup")
    (scheduled.backup_dir / ".camrec-20260101-000000.xy").mkdir()
    (scheduled.backup_dir / "mine").write_text("not ours")
    other = os.open(scheduled.backup_dir, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(BusyError):
        make_due(scheduled, clock)
    assert len(names(scheduled)) == 3
    os.close(other)
    make_due(scheduled, clock)
    assert names(scheduled) == ["camrec-20270115-080000", "mine"]


@pytest.fixture
def small_disk(scheduled: Settings) -> Iterator[Path]:
    """A backup folder of 2 MB."""
    folder = scheduled.backup_dir
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "camrec", str(folder)]).returncode:
        pytest.skip("a small disk cannot be mounted: not root, or not allowed")
    assert folder is not None
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
def test_a_full_disk_costs_no_earlier_backup(scheduled: Settings, small_disk: Path, clock: ManualClock) -> None:
    assert make_due(scheduled, clock).error is None
    settings = scheduled.model_copy(update={"backup_media": True})
    settings.media_dir.mkdir(parents=True)
    (settings.media_dir / "big.mp4").write_bytes(os.urandom(3_000_000))
    clock.advance(DAY_S)
    outcome = make_due(settings, clock)
    assert "No space left on device" in str(outcome.error)
    assert names(settings) == ["camrec-20270115-080000"]
    (settings.media_dir / "big.mp4").unlink()
    outcome = make_due(settings, clock)
    assert (outcome.error, outcome.count) == (None, 2)


def test_a_worker_makes_it_and_health_tells(
    scheduled: Settings, redis_client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task as beat sends it, with a real worker; then one that fails."""
    part = health_parts(get_settings())["backup"]
    assert (part["status"], part["count"]) == ("degraded", 0)
    assert "no backup yet" in part["message"]
    with children(tmp_path) as processes:
        processes.start("worker", "-Q", "jobs")
        wait_until(lambda: redis_client.hlen(keys.WORKERS), "the worker says that it lives", 60)
        beat = "from tasks import app; app.send_task(app.conf.beat_schedule['back up']['task'])"
        subprocess.run([sys.executable, "-P", "-c", beat], check=True, timeout=60)
        wait_until(lambda: redis_client.get(keys.BACKUP), "the worker made a backup", 60)
        assert len(names(scheduled)) == 1
        part = health_parts(get_settings())["backup"]
        assert (part["status"], part["count"]) == ("ok", 1)
        (tmp_path / "safe" / names(scheduled)[0]).unlink()
        (tmp_path / "safe").rmdir()
        redis_client.delete(keys.BACKUP)
        subprocess.run([sys.executable, "-P", "-c", beat], check=True, timeout=60)
        wait_until(lambda: redis_client.get(keys.BACKUP), "the worker told of the failure", 60)
    part = health_parts(get_settings())["backup"]
    assert part["status"] == "degraded"
    assert "CAMREC_BACKUP_DIR is not there" in part["message"]
    assert str(tmp_path) not in part["message"]
    monkeypatch.delenv("CAMREC_BACKUP_DIR")
    get_settings.cache_clear()
    assert "backup" not in health_parts(get_settings())
