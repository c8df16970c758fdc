"""Makes a backup of a running installation: a tar file, of which nothing is half-written."""

from __future__ import annotations

import io
import json
import os
import secrets
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import yaml

from core.clock import Clock, iso_utc
from core.errors import UnavailableError
from core.redact import redact
from core.settings import PREFIX, Settings
from storage.backup.archive import ABOUT, DATABASE, FORMAT, KEY, MEDIA, MEDIA_LIST, BackupError
from storage.backup.chain import EarlierBackup
from storage.backup.counted_file import CountedFile
from storage.backup.encryption import EncryptingWriter
from storage.backup.media_list import MediaList, UnreadableMedia, as_json, list_media
from storage.backup.redis_state import REDIS_STATE, read_redis_state
from storage.backup.snapshot import write_snapshot
from storage.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    size_bytes: int
    redis_missing: str | None
    """Why the judges' checkpoints are not in it."""
    media_missing: UnreadableMedia
    """What could not be read: not in it, or with zeros from where the disk gave no more."""


def back_up(
    settings: Settings,
    target: Path,
    clock: Clock,
    passphrase: str | None = None,
    media: bool = False,
    since: EarlierBackup | None = None,
    *,
    progress: Progress = silent,
) -> Made:
    """Write a backup; it appears under its name, readable by its owner alone, when it is whole.

    Args:
        settings: Of the installation, which may run meanwhile.
        target: The file.
        clock: Says when it was made.
        passphrase: Encrypts it; None: everybody who reads the file can read the cameras' passwords.
        media: Whether pictures, clips and recordings come along.
        since: Of media, only those that are not in this one or one that it builds on.
        progress: Is told how far it is.

    Raises:
        BackupError: there is no database; the file is there already, or cannot be written; a file that a restore
            cannot do without, such as the key, cannot be read.
        UnavailableError: PostgreSQL cannot be reached.
    """
    if target.exists():
        raise BackupError(f"{target} is there already; choose another name.")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch,
        ):
            content = _collect(settings, clock, Path(scratch), media, since, progress)
            with _encrypting(file, passphrase) as sink, _new_tar(_counted(sink, content, progress)) as tar:
                _fill(tar, settings, content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return Made(target.stat().st_size, content.about["redis_missing"], content.media_missing)


@contextmanager
def _encrypting(file: BinaryIO, passphrase: str | None) -> Iterator[IO[bytes]]:
    if passphrase is None:
        yield file
        return
    writer = EncryptingWriter(file, passphrase)
    yield cast(IO[bytes], writer)
    writer.close()


def _counted(sink: IO[bytes], content: _Content, progress: Progress) -> IO[bytes]:
    media = (file.size_bytes for file in (content.media or {}).values() if file.holder == content.about["id"])
    total_bytes = content.snapshot.stat().st_size + sum(media)
    return cast(IO[bytes], CountedFile(sink, "writing the archive", total_bytes, progress))


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
    media_missing: UnreadableMedia
    redis_state: dict[str, Any] | None


def _collect(
    settings: Settings, clock: Clock, scratch: Path, media: bool, since: EarlierBackup | None, progress: Progress
) -> _Content:
    """What goes in. The order matters.

    The checkpoints come before the database: an event that it has and they do not know is closed by the event worker.
    The media come after it: every row's file is there, and files of later rows do no harm.
    """
    backup_id, made_at = secrets.token_hex(8), iso_utc(clock.now())
    redis_state, redis_missing = _redis_state(settings)
    snapshot = scratch / DATABASE
    write_snapshot(settings, snapshot, progress)
    missing = UnreadableMedia()
    files = list_media(settings.media_dir, backup_id, since.media if since else {}, missing) if media else None
    about = {
        "format": FORMAT,
        "id": backup_id,
        "made_at": made_at,
        "node": settings.node,
        "media": media,
        "since": since.path.name if since else None,
        "needs": since.needed_for(files) if since and files is not None else {},
        "media_missing": asdict(missing),
        "redis_missing": redis_missing,
        "settings": harmless_settings(settings),
    }
    return _Content(about, snapshot, files, missing, redis_state)


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
        if fault := _add_if_there(tar, path, str(path.relative_to(settings.data))):
            raise BackupError(f"{path} cannot be read: {fault}.")
    if content.redis_state is not None:
        _add_json(tar, REDIS_STATE, content.redis_state)
    for name, file in (content.media or {}).items():
        if file.holder != content.about["id"]:
            continue
        if fault := _add_if_there(tar, settings.media_dir / name, f"{MEDIA}/{name}"):
            content.media_missing.add(name, fault)


def _own_models(models_dir: Path) -> list[Path]:
    """The user's own models and their choice: what `camrec models pull` would not bring back."""
    manifests = sorted((models_dir / "models.d").glob("*.yaml"))
    files = (yaml.safe_load(manifest.read_text()).get("file") for manifest in manifests)
    return [models_dir / "selection.yaml", *manifests, *(models_dir / Path(file).name for file in files if file)]


def harmless_settings(settings: Settings) -> dict[str, str]:
    """Settings that differ from their defaults and are no secrets, for whoever sets the new machine up."""
    # Not the name of the machine: that of the new one stands in the database after a restore.
    given = {name: getattr(settings, name) for name in settings.model_fields_set - {"node"}}
    return {PREFIX + k.upper(): str(v) for k, v in sorted(given.items()) if not hasattr(v, "get_secret_value")}


def _add_json(tar: tarfile.TarFile, name: str, plain: dict[str, Any]) -> None:
    data = json.dumps(plain).encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    tar.addfile(entry, io.BytesIO(data))


def _add_if_there(tar: tarfile.TarFile, path: Path, name: str) -> str | None:
    """Media come and go while this runs, and open files grow: each is taken as long as it was when it was opened.

    Returns:
        Why it could not be read whole. The list of media says that it is in the archive, so it is in it all the same.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        tar.addfile(tarfile.TarInfo(name))
        return error.strerror or type(error).__name__
    with file:
        source = _Source(file)
        tar.addfile(tar.gettarinfo(arcname=name, fileobj=file), cast(IO[bytes], source))
        tar.members.clear()  # type: ignore[attr-defined]  # there may be millions
    return source.fault


class _Source:
    """A file that gives as many bytes as it is asked for: zeros, from where the disk gives no more."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.fault: str | None = None

    def read(self, size: int) -> bytes:
        data = b""
        if self.fault is None:
            try:
                data = self._file.read(size)
                if len(data) < size:
                    self.fault = "it became shorter while it was read"
            except OSError as error:
                self.fault = error.strerror or type(error).__name__
        return data + bytes(size - len(data))
