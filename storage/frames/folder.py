"""The folder of all rings of an installation: its names, its budget, and the lock under which files come and go."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ByteSize

from core.errors import UnavailableError

LOCK_TIMEOUT_S = 5.0
_LOCK_POLL_S = 0.005
_RING, _UNFINISHED = ".ring", ".new"


class RingFolder:
    """A private folder of ring files, bounded by ``allowed_bytes`` and by the free space of its file system."""

    def __init__(self, path: Path, allowed_bytes: int, kind: str = "camera") -> None:
        """Make the folder (mode 0700) where it is missing.

        Args:
            path: of the folder; rings of several kinds may share it, and its budget.
            allowed_bytes: of all rings in it.
            kind: of the rings that this object is for; part of their names.

        Raises:
            UnavailableError: it cannot be made, or belongs to somebody else.
        """
        self.path = path
        self.allowed_bytes = allowed_bytes
        self._prefix = f"{kind}-"
        make_private_folder(path)

    def ring_path(self, camera_id: int) -> Path:
        """Where the ring of that camera is, or would be."""
        return self.path / f"{self._prefix}{camera_id}{_RING}"

    def unfinished_path(self, camera_id: int) -> Path:
        """Where a ring is made before it takes its name."""
        return self.path / f"{self._prefix}{camera_id}{_RING}{_UNFINISHED}"

    def camera_ids(self) -> set[int]:
        """Cameras that have a ring of this kind."""
        names = (path.name for path in self.path.glob(f"{self._prefix}*{_RING}"))
        digits = (name.removeprefix(self._prefix).removesuffix(_RING) for name in names)
        return {int(text) for text in digits if text.isdecimal()}

    def used_bytes(self) -> int:
        """Memory that all rings of all kinds take."""
        return sum(_size_of(path) for path in self.path.glob(f"*{_RING}"))

    def check_room(self, camera_id: int, needed_bytes: int) -> None:
        """Refuse a new ring for that camera that would not fit. Call it under `lock`.

        Raises:
            UnavailableError: too little is left of the budget or of the file system.
        """
        # The ring that is replaced goes when the new one is there: it counts for the file system, not for the budget.
        others_bytes = self.used_bytes() - _size_of(self.ring_path(camera_id))
        if others_bytes + needed_bytes > self.allowed_bytes:
            raise self.full_error(
                camera_id,
                needed_bytes,
                f"{_human(others_bytes)} of the {_human(self.allowed_bytes)} of CAMREC_FRAME_MEMORY are taken",
            )
        status = os.statvfs(self.path)
        free_bytes = status.f_bavail * status.f_frsize
        if needed_bytes > free_bytes:
            raise self.full_error(camera_id, needed_bytes, f"{_human(free_bytes)} are free in {self.path.parent}")

    def full_error(self, camera_id: int, needed_bytes: int, cause: str) -> UnavailableError:
        """What to tell a person: how much is needed, how much there is, and the ways out."""
        return UnavailableError(
            f"The frame store is full: camera {camera_id} needs {_human(needed_bytes)}, and {cause}. "
            "Raise CAMREC_FRAME_MEMORY, make the folder larger (in a container: --shm-size=2g) or set CAMREC_FRAME_DIR "
            "to a larger folder in memory, or watch fewer cameras or streams of lower resolution (detect_url)."
        )

    def remove(self, camera_id: int) -> None:
        """Remove a ring; readers and a writer that still map it notice. Call it under `lock`."""
        self.ring_path(camera_id).unlink(missing_ok=True)

    @contextmanager
    def lock(self, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
        """Be the only thread of all processes that makes, replaces or removes rings. A folder that vanished comes back.

        Raises:
            UnavailableError: somebody else has held it for longer than ``timeout_s``, or the folder cannot be used.
        """
        make_private_folder(self.path)
        try:
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(f"Cannot lock the rings in {self.path}: {error.strerror}.") from error
        try:
            self._wait_for_lock(fd, time.monotonic() + timeout_s)
            for leftover in self.path.glob(f"*{_UNFINISHED}"):  # of a process that was killed: only lockers make them
                leftover.unlink()
            yield
        finally:
            os.close(fd)

    def _wait_for_lock(self, fd: int, deadline_s: float) -> None:
        while True:
            try:
                return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    raise UnavailableError(f"Another process has held {self.path / 'lock'} for too long.") from None
                time.sleep(_LOCK_POLL_S)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def make_private_folder(path: Path) -> None:
    """Make a folder that only this user can enter, or check that it is one.

    Raises:
        UnavailableError: it cannot be made; or another user, who could then see and change frames, made it first.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise UnavailableError(
            f"Cannot make the folder {path}: {error.strerror}. "
            "Set CAMREC_FRAME_DIR to a folder in memory (tmpfs) that this user may write."
        ) from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise UnavailableError(
            f"{path} must be a folder that only user {os.geteuid()} can enter (mode 0700); found one of user "
            f"{status.st_uid} with mode {stat.filemode(status.st_mode)}. "
            "Remove it, or set CAMREC_FRAME_DIR to another folder."
        )


def _human(count: int) -> str:
    return ByteSize(count).human_readable(decimal=True, separator=" ")
