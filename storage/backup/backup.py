"""Makes a backup of a running installation: a tar file, of which nothing is half-written."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import yaml

from core.clock import Clock, iso_utc
from core.errors import CamrecError
from core.settings import PREFIX, Settings
from storage.backup.encryption import EncryptingWriter

FORMAT = "camrec-backup/1"
ABOUT = "backup.json"
DATABASE = "camrec.db"
KEY = "secret.key"
MODELS = "models"
MEDIA = "media"


class BackupError(CamrecError):
    """No backup can be made, or restored."""


def back_up(settings: Settings, target: Path, clock: Clock, passphrase: str | None = None, media: bool = False) -> int:
    """Write a backup; it appears under its name, readable by its owner alone, when it is whole.

    Args:
        settings: Of the installation, which may run meanwhile.
        target: The file.
        clock: Says when it was made.
        passphrase: Encrypts it; None: everybody who reads the file can read the cameras' passwords.
        media: Whether pictures, clips and recordings come along.

    Returns:
        Its size in bytes.

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
        with os.fdopen(descriptor, "wb") as file, tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            with _encrypting(file, passphrase) as sink, tarfile.open(fileobj=sink, mode="w|") as tar:
                _fill(tar, settings, clock, Path(scratch), media)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


@contextmanager
def _encrypting(file: BinaryIO, passphrase: str | None) -> Iterator[IO[bytes]]:
    if passphrase is None:
        yield file
        return
    writer = EncryptingWriter(file, passphrase)
    yield cast(IO[bytes], writer)
    writer.close()


def _fill(tar: tarfile.TarFile, settings: Settings, clock: Clock, scratch: Path, media: bool) -> None:
    about: dict[str, Any] = {
        "format": FORMAT,
        "made_at": iso_utc(clock.now()),
        "media": media,
        "settings": harmless_settings(settings),
    }
    _add_bytes(tar, ABOUT, json.dumps(about, indent=2).encode())
    snapshot = scratch / DATABASE
    _snapshot(_sqlite_file(settings), snapshot)
    tar.add(snapshot, DATABASE)
    for path in (settings.data / KEY, *_own_models(settings.models_dir)):
        _add_if_there(tar, path, str(path.relative_to(settings.data)))
    if media:
        # After the database: every row's file is there, and files of later rows do no harm.
        for path in sorted(settings.media_dir.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                _add_if_there(tar, path, f"{MEDIA}/{path.relative_to(settings.media_dir)}")


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
        raise BackupError(f"The database {database} cannot be read: {error}.") from error


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    tar.addfile(entry, io.BytesIO(data))


def _add_if_there(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """Media come and go while this runs, and open files grow: each is taken as long as it was when it was opened."""
    try:
        with path.open("rb") as file:
            tar.addfile(tar.gettarinfo(arcname=name, fileobj=file), file)
    except FileNotFoundError:
        return
