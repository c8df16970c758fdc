"""Backups that build on earlier ones: which of them are needed, and where they lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from storage.backup.archive import BackupError, Head, read_head
from storage.backup.media_list import MediaList


class BrokenChainError(BackupError):
    """An earlier backup is missing, or is not one to build on."""


@dataclass(frozen=True, slots=True)
class EarlierBackup:
    """A backup that a new one builds on."""

    path: Path
    media: MediaList
    names: dict[str, str]
    """Id → file name of those that it builds on, the oldest first, and of it."""

    def needed_for(self, files: MediaList) -> dict[str, str]:
        """Of `names`, those that hold some of these files."""
        holders = {file.holder for file in files.values()}
        return {backup_id: name for backup_id, name in self.names.items() if backup_id in holders}


def open_earlier(path: Path, passphrase: str | None) -> EarlierBackup:
    """Read what a new backup needs to know of an earlier one.

    Raises:
        BrokenChainError: it holds no list of media, or one that it builds on is not beside it.
        BackupError, PassphraseError: it cannot be read.
    """
    head = read_head(path, passphrase)
    if head.media is None:
        raise BrokenChainError(f"{path} holds no list of media: build on one made with --media, or make a full one.")
    locate_needed(path, head, [], passphrase)
    return EarlierBackup(path, head.media, {**head.needs, head.about["id"]: path.name})


def locate_needed(source: Path, head: Head, given: Iterable[Path], passphrase: str | None) -> dict[str, Path]:
    """Where the earlier backups are that hold some of a backup's media: id → file.

    Each is looked for among those given, then by its name beside ``source``.

    Raises:
        BrokenChainError: some are not there; the text names all of them.
        BackupError, PassphraseError: one cannot be read.
    """
    found = {}
    by_id = {read_head(path, passphrase).about.get("id"): path for path in given} if head.needs else {}
    missing = []
    for backup_id, name in head.needs.items():
        beside = source.with_name(name)
        if backup_id in by_id:
            found[backup_id] = by_id[backup_id]
        elif beside.is_file() and read_head(beside, passphrase).about.get("id") == backup_id:
            found[backup_id] = beside
        else:
            missing.append(name)
    if missing:
        raise BrokenChainError(
            f"{source} builds on {', '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not in {source.parent}: put them there, or give them with --base."
        )
    return found
