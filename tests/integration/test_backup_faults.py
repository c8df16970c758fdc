"""Media that the disk does not give: the backup is made without them, and says so."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import redis

from core import keys
from core.clock import SystemClock
from core.settings import Settings, get_settings
from storage.backup.archive import BackupError, read_head
from storage.backup.backup import back_up
from storage.backup.chain import open_earlier
from storage.backup.restore import restore
from storage.backup.schedule import Outcome, make_due
from storage.database import Database
from storage.progress import Unit
from tasks.backups import make_due_backup
from tests.support.installation import health_parts
from tests.support.manual_clock import ManualClock

pytestmark = pytest.mark.integration

LARGE_BYTES = 3_000_000


@pytest.fixture
def installed(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A picture, a recording, and a folder for scheduled backups."""
    database = Database(settings)
    database.migrate()
    database.close()
    settings.media_dir.mkdir()
    (settings.media_dir / "good.jpg").write_bytes(b"good")
    (settings.media_dir / "large.mp4").write_bytes(os.urandom(LARGE_BYTES))
    (tmp_path / "safe").mkdir()
    monkeypatch.setenv("CAMREC_BACKUP_DIR", str(tmp_path / "safe"))
    monkeypatch.setenv("CAMREC_BACKUP_MEDIA", "true")
    get_settings.cache_clear()
    return get_settings()


def break_file(path: Path) -> None:
    """Nobody can open it: not even root, which the tests may be."""
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def test_what_cannot_be_read_is_left_out_named_and_in_the_next_one(installed: Settings, tmp_path: Path) -> None:
    bad = installed.media_dir / "bad.mp4"
    break_file(bad)
    made = back_up(installed, tmp_path / "whole", SystemClock(), media=True)
    assert (made.media_missing.count, list(made.media_missing.first)) == (1, ["bad.mp4"])
    assert "symbolic links" in made.media_missing.first["bad.mp4"]
    assert read_head(tmp_path / "whole", None).about["media_missing"]["count"] == 1
    bad.unlink()
    bad.write_bytes(b"readable again")
    earlier = open_earlier(tmp_path / "whole", None)
    made = back_up(installed, tmp_path / "increment", SystemClock(), None, True, earlier)
    assert made.media_missing.count == 0
    restore(installed, tmp_path / "increment", tmp_path / "there")
    media = {path.name: path.read_bytes() for path in (tmp_path / "there" / "media").iterdir()}
    assert media == {path.name: path.read_bytes() for path in installed.media_dir.iterdir()}
    assert len(media) == 3


@pytest.mark.parametrize(
    ("fault", "why", "kept_bytes"),
    [("shorter", "it became shorter while it was read", 2_000_000), ("broken", "symbolic links", 0)],
)
def test_what_breaks_while_the_archive_is_written_spoils_no_backup_and_no_chain(
    installed: Settings, tmp_path: Path, fault: str, why: str, kept_bytes: int
) -> None:
    large = installed.media_dir / "large.mp4"
    content = large.read_bytes()

    def tell(step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        if step != "writing the archive":
            return
        if fault == "broken" and not large.is_symlink():
            break_file(large)
        if fault == "shorter" and done > total - LARGE_BYTES // 2 and large.stat().st_size == LARGE_BYTES:
            os.truncate(large, kept_bytes)

    made = back_up(installed, tmp_path / "whole", SystemClock(), media=True, progress=tell)
    assert (made.media_missing.count, why in made.media_missing.first["large.mp4"]) == (1, True)
    earlier = open_earlier(tmp_path / "whole", None)
    (installed.media_dir / "later.jpg").write_bytes(b"later")
    back_up(installed, tmp_path / "increment", SystemClock(), None, True, earlier)
    for number, name in enumerate(("whole", "increment")):
        restore(installed, tmp_path / name, tmp_path / f"{number}")
        assert (tmp_path / f"{number}" / "media" / "good.jpg").read_bytes() == b"good"
    restored = (tmp_path / "0" / "media" / "large.mp4").read_bytes()
    assert restored[:kept_bytes] == content[:kept_bytes]
    assert len(restored) == (LARGE_BYTES if kept_bytes else 0)


def test_a_key_that_cannot_be_read_is_named_and_no_backup_is_made(installed: Settings, tmp_path: Path) -> None:
    break_file(installed.data / "secret.key")
    with pytest.raises(BackupError, match=r"secret\.key cannot be read: Too many levels"):
        back_up(installed, tmp_path / "backup", SystemClock())
    assert not (tmp_path / "backup").exists()


def test_health_tells_until_a_whole_one_is_made(installed: Settings, redis_client: redis.Redis) -> None:
    break_file(installed.media_dir / "bad.mp4")
    for _ in range(2):  # the second time none is due
        make_due_backup.run()
        part = health_parts(get_settings())["backup"]
        assert (part["status"], part["media_missing"], part["count"]) == ("degraded", 1, 1)
        assert "without 1 media files" in part["message"]
    (installed.media_dir / "bad.mp4").unlink()
    assert installed.backup_dir is not None
    for file in installed.backup_dir.iterdir():
        file.unlink()
    make_due_backup.run()
    part = health_parts(get_settings())["backup"]
    assert (part["status"], part["media_missing"]) == ("ok", 0)


def test_one_that_is_being_made_is_told_of(installed: Settings, redis_client: redis.Redis) -> None:
    clock = ManualClock()
    told: list[Outcome] = []
    make_due(installed, clock, told.append)
    assert [(outcome.since, outcome.count) for outcome in told] == [(clock.now(), 0)]
    make_due(installed, clock, told.append)
    assert len(told) == 1, "none is due"
    for since_ago_s, status in ((3600.0, "ok"), (1e6, "degraded")):
        said = {"made_at": None, "count": 0, "error": None, "since": SystemClock().now() - since_ago_s}
        redis_client.set(keys.BACKUP, json.dumps(said))
        part = health_parts(get_settings())["backup"]
        assert part["status"] == status


def test_one_is_made_while_redis_is_away(installed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMREC_REDIS_URL", "redis://127.0.0.1:1/0")
    get_settings.cache_clear()
    with pytest.raises(redis.RedisError):  # how it went cannot be told; the next turn does
        make_due_backup.run()
    assert installed.backup_dir is not None
    assert len(list(installed.backup_dir.iterdir())) == 1


def test_what_nobody_foresaw_is_told_too(installed: Settings) -> None:
    (installed.models_dir / "models.d").mkdir(parents=True)
    (installed.models_dir / "models.d" / "mine.yaml").write_text("{not yaml")
    outcome = make_due(installed, ManualClock())
    assert (outcome.error, outcome.count) == ("Something unforeseen happened; the log says more.", 0)
