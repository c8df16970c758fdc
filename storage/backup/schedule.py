"""Backups in a folder, made when due: names tell when each was made and what it builds on.

``camrec-20261124-030000`` is whole; ``camrec-20261125-030000-increment`` holds of the media only those that the backups
since the whole one before it do not.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from core.clock import Clock
from core.errors import CamrecError, UnavailableError
from core.settings import PREFIX, Settings
from storage.backup.archive import BackupError
from storage.backup.backup import Made, back_up
from storage.backup.chain import EarlierBackup, open_earlier
from storage.backup.passphrase_file import read_passphrase
from storage.progress import LoggedProgress

log = logging.getLogger(__name__)

CHAIN_LENGTH = 7
"""A whole backup and the increments on it: a damaged file costs no more than these."""

_STAMP = "%Y%m%d-%H%M%S"
_NAME = re.compile(r"camrec-(\d{8}-\d{6})(-increment)?")
_DRAFT = re.compile(rf"\.{_NAME.pattern}\..+")
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A backup in the folder."""

    path: Path
    made_at: float
    is_increment: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the scheduled backups stand after a turn; for whom health may tell, so without paths."""

    made_at: float | None
    """When the newest was made, in seconds since the epoch; None: there is none."""
    count: int = 0
    error: str | None = None
    """Why the one that is due now could not be made."""
    since: float | None = None
    """When the one that is being made now was begun."""
    media_missing: int | None = None
    """Media files that the one just made is without, since they could not be read; None: none was made."""


class BusyError(BackupError):
    """Another process makes a backup in the folder."""


class BackupFolder:
    """The folder of scheduled backups.

    Raises:
        BackupError: it is not there. It is not made: where a disk is not mounted, the backup would land on another.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BackupError(f"The folder {folder} is not there: make it, or mount the disk that it is on.")
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one that makes and removes backups here, and clear away what a killed one left half-written.

        Raises:
            BusyError: somebody else is.
        """
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in self._folder.iterdir():
                if _DRAFT.fullmatch(path.name):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            yield
        except BlockingIOError:
            raise BusyError(f"Another process makes a backup in {self._folder}.") from None
        finally:
            os.close(descriptor)

    def backups(self) -> list[KeptBackup]:
        """Those here, the oldest first."""
        found = [(path, _NAME.fullmatch(path.name)) for path in sorted(self._folder.iterdir())]
        return [KeptBackup(path, _moment(name[1]), name[2] is not None) for path, name in found if name is not None]

    def target(self, now: float, is_increment: bool) -> Path:
        """The file that a backup of now goes to."""
        stamp = datetime.fromtimestamp(now, UTC).strftime(_STAMP)
        return self._folder / f"camrec-{stamp}{'-increment' if is_increment else ''}"

    def prune(self, keep: int, now: float) -> None:
        """Remove the oldest but ``keep``, and but those that a kept increment builds on.

        Names from the future were given while the clock was wrong. They go first: nothing of now builds on them.
        """
        backups = sorted(self.backups(), key=lambda backup: (backup.made_at <= now, backup.made_at))
        first = max(0, len(backups) - keep)
        while first > 0 and backups[first].is_increment:
            first -= 1
        for backup in backups[:first]:
            backup.path.unlink()


def _nobody_is_told(outcome: Outcome) -> None:
    pass


def make_due(settings: Settings, clock: Clock, tell: Callable[[Outcome], None] = _nobody_is_told) -> Outcome:
    """Make the backup that is due, if one is, and remove those beyond ``backup_keep``.

    Args:
        settings: Of the installation.
        clock: Says what is due.
        tell: Is told when one is begun: it may take hours.

    Raises:
        BackupError: no folder is set.
        BusyError: another process makes one.
    """
    if settings.backup_dir is None:
        raise BackupError("CAMREC_BACKUP_DIR is not set.")
    error = missing = None
    try:
        folder = BackupFolder(settings.backup_dir)
        with folder.locked():
            folder.prune(settings.backup_keep, clock.now())  # first: fewer to keep is a way out of a full disk
            if _is_due(folder.backups(), settings.backup_hours * _HOUR_S, clock.now()):
                tell(replace(_outcome(settings.backup_dir, clock.now()), since=clock.now()))
                missing = _make(folder, settings, clock).media_missing.count
                folder.prune(settings.backup_keep, clock.now())
    except BusyError:
        raise
    except UnavailableError as failure:
        log.error("no backup: %s", failure)  # it names PostgreSQL's host
        error = "The database cannot be used now; the log says more."
    except (CamrecError, OSError) as failure:
        log.error("no backup: %s", failure)
        error = _without_paths(str(failure), settings)
    except Exception:  # whatever it was, health is to tell
        log.exception("no backup")
        error = "Something unforeseen happened; the log says more."
    return replace(_outcome(settings.backup_dir, clock.now()), error=error, media_missing=missing)


def _newest_made_at(backups: list[KeptBackup], now: float) -> float | None:
    return max((backup.made_at for backup in _of_the_past(backups, now)), default=None)


def _of_the_past(backups: list[KeptBackup], now: float) -> list[KeptBackup]:
    """Names from the future, made while the clock was wrong, do not count."""
    return [backup for backup in backups if backup.made_at <= now]


def _is_due(backups: list[KeptBackup], every_s: float, now: float) -> bool:
    newest = _newest_made_at(backups, now)
    return newest is None or now - newest >= every_s


def _make(folder: BackupFolder, settings: Settings, clock: Clock) -> Made:
    passphrase = read_passphrase(settings.backup_passphrase_file) if settings.backup_passphrase_file else None
    earlier = _to_build_on(_of_the_past(folder.backups(), clock.now()), passphrase) if settings.backup_media else None
    target = folder.target(clock.now(), is_increment=earlier is not None)
    log.info("making a backup: %s", target.name)
    progress = LoggedProgress(clock)
    made = back_up(settings, target, clock, passphrase, settings.backup_media, earlier, progress=progress)
    log.info("made a backup of %.1f MB: %s", made.size_bytes / 1e6, target.name)
    if made.redis_missing is not None:
        log.warning("the backup is without the judges' checkpoints: %s", made.redis_missing)
    if (media := made.media_missing).count:
        log.error("the backup is without %d media files that cannot be read, e.g. %s", media.count, media.first)
    return made


def _to_build_on(backups: list[KeptBackup], passphrase: str | None) -> EarlierBackup | None:
    """The newest backup, unless its chain is long enough or cannot be built on: then a whole one is made."""
    chain_length = next((n for n, backup in enumerate(reversed(backups), 1) if not backup.is_increment), None)
    if chain_length is None or chain_length >= CHAIN_LENGTH:
        return None
    try:
        return open_earlier(backups[-1].path, passphrase)
    except CamrecError as error:
        log.warning("the next backup is a whole one: %s", error)
        return None


def _outcome(folder: Path, now: float) -> Outcome:
    try:
        backups = BackupFolder(folder).backups()
    except (BackupError, OSError):
        backups = []
    return Outcome(_newest_made_at(backups, now), len(backups))


def _without_paths(text: str, settings: Settings) -> str:
    """Health tells everybody: names of settings in place of folders and files."""
    for name in ("backup_passphrase_file", "backup_dir", "data"):
        if (path := getattr(settings, name)) is not None:
            text = text.replace(str(path), PREFIX + name.upper())
    return text


def _moment(stamp: str) -> float:
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()
