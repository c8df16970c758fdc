"""Makes a backup of a running installation: a tar file, of which nothing is half-written."""

from __future__ import annotations

import io
import json
import os
import secrets
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import yaml

from core.clock import Clock, iso_utc
from core.errors import UnavailableError
from core.redact import redact
from core.settings import PREFIX, Settings
from storage.backup.archive import ABOUT, DATABASE, FORMAT, KEY, MEDIA, MEDIA_LIST, BackupError
from storage.backup.chain import EarlierBackup
from storage.backup.encryption import EncryptingWriter
from storage.backup.media_list import MediaList, as_json, list_media
from storage.backup.redis_state import REDIS_STATE, read_redis_state


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    size_bytes: int
    redis_missing: str | None
    """Why the judges' checkpoints are not in it."""


def back_up(
    settings: Settings,
    target: Path,
    clock: Clock,
    passphrase: str | None = None,
    media: bool = False,
    since: EarlierBackup | None = None,
) -> Made:
    """Write a backup; it appears under its name, readable by its owner alone, when it is whole.

    Args:
        settings: Of the installation, which may run meanwhile.
        target: The file.
        clock: Says when it was made.
        passphrase: Encrypts it; None: everybody who reads the file can read the cameras' passwords.
        media: Whether pictures, clips and recordings come along.
        since: Of media, only those that are not in this one or one that it builds on.

    Raises:
        BackupError: the database is not SQLite, or not there; the file is there already, or cannot be written.
    """
    if settings.database_url is not None and not settings.resolve_database_url().startswith("sqlite"):
        raise BackupError(
            "The database is PostgreSQL: back it up with `pg_dump --format=custom`, and copy the data folder "
            f"{settings.data} (secret.key, models, media) beside it."
        )
    if target.exists():
        raise BackupError(f"{target} is there already; choose another name.")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch,
        ):
            content = _collect(settings, clock, Path(scratch), media, since)
            with _encrypting(file, passphrase) as sink, _new_tar(sink) as tar:
                _fill(tar, settings, content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return Made(target.stat().st_size, content.about["redis_missing"])


@contextmanager
def _encrypting(file: BinaryIO, passphrase: str | None) -> Iterator[IO[bytes]]:
    if passphrase is None:
        yield file
        return
    writer = EncryptingWriter(file, passphrase)
    yield cast(IO[bytes], writer)
    writer.close()


def _new_tar(sink: IO[bytes]) -> tarfile.TarFile:
    """Files with several names are stored under each: an increment may hold one of them."""
    return tarfile.open(fileobj=sink, mode="w|", dereference=True)


def _sync_folder(folder: Path) -> None:
    """The new name, too, outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Content:
    about: dict[str, Any]
    snapshot: Path
    media: MediaList | None
    redis_state: dict[str, Any] | None


def _collect(settings: Settings, clock: Clock, scratch: Path, media: bool, since: EarlierBackup | None) -> _Content:
    """What goes in. The order matters.

    The checkpoints come before the database: an event that it has and they do not know is closed by the event worker.
    The media come after it: every row's file is there, and files of later rows do no harm.
    """
    backup_id, made_at = secrets.token_hex(8), iso_utc(clock.now())
    redis_state, redis_missing = _redis_state(settings)
    snapshot = scratch / DATABASE
    _snapshot(_sqlite_file(settings), snapshot)
    files = list_media(settings.media_dir, backup_id, since.media if since else {}) if media else None
    about = {
        "format": FORMAT,
        "id": backup_id,
        "made_at": made_at,
        "media": media,
        "since": since.path.name if since else None,
        "needs": since.needed_for(files) if since and files is not None else {},
        "redis_missing": redis_missing,
        "settings": harmless_settings(settings),
    }
    return _Content(about, snapshot, files, redis_state)


def _redis_state(settings: Settings) -> tuple[dict[str, Any] | None, str | None]:
    try:
        return read_redis_state(settings), None
    except UnavailableError as error:
        return None, redact(str(error))


def _fill(tar: tarfile.TarFile, settings: Settings, content: _Content) -> None:
    _add_json(tar, ABOUT, content.about)
    if content.media is not None:
        _add_json(tar, MEDIA_LIST, as_json(content.media))
    tar.add(content.snapshot, DATABASE)
    for path in (settings.data / KEY, *_own_models(settings.models_dir)):
        _add_if_there(tar, path, str(path.relative_to(settings.data)))
    if content.redis_state is not None:
        _add_json(tar, REDIS_STATE, content.redis_state)
    for name, file in (content.media or {}).items():
        if file.holder == content.about["id"]:
            _add_if_there(tar, settings.media_dir / name, f"{MEDIA}/{name}")


def _own_models(models_dir: Path) -> list[Path]:
    """The user's own models and their choice: what `camrec models pull` would not bring back."""
    manifests = sorted((models_dir / "models.d").glob("*.yaml"))
    files = (yaml.safe_load(manifest.read_text()).get("file") for manifest in manifests)
    return [models_dir / "selection.yaml", *manifests, *(models_dir / Path(file).name for file in files if file)]


def harmless_settings(settings: Settings) -> dict[str, str]:
    """Settings that differ from their defaults and are no secrets, for whoever sets the new machine up."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {PREFIX + k.upper(): str(v) for k, v in sorted(given.items()) if not hasattr(v, "get_secret_value")}


def _sqlite_file(settings: Settings) -> Path:
    return Path(settings.resolve_database_url().removeprefix("sqlite:///"))


def _snapshot(database: Path, target: Path) -> None:
    if not database.is_file():
        raise BackupError(f"There is no database at {database}; is CAMREC_DATA the right folder?")
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise BackupError(f"The database {database} cannot be copied to {target.parent.parent}: {error}.") from error


def _add_json(tar: tarfile.TarFile, name: str, plain: dict[str, Any]) -> None:
    data = json.dumps(plain).encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    tar.addfile(entry, io.BytesIO(data))


def _add_if_there(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """Media come and go while this runs, and open files grow: each is taken as long as it was when it was opened."""
    try:
        with path.open("rb") as file:
            tar.addfile(tar.gettarinfo(arcname=name, fileobj=file), file)
            tar.members.clear()  # type: ignore[attr-defined]  # there may be millions
    except FileNotFoundError:
        return
