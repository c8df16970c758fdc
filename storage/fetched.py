"""Passing copies of media files that lie elsewhere: on another node, or in a bucket."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from weakref import WeakValueDictionary

from core.errors import UnavailableError
from core.figures import MEDIA_FETCHED_BYTES
from storage.retention.room import missing_bytes

FETCHED = ".fetched"
"""The folder of all of them, below the media folder. A copy's access time is when it was wanted last."""
FETCHED_S = 3600.0
"""So long after it was wanted last a copy goes."""
WAIT_S = 10.0
"""For another thread that makes the same copy: who waits holds a thread, too."""
_SWEEP_INTERVAL_S = 600.0
_FULL_SHARE = 0.8
"""Copies are deleted down to this share of what they may take: processes that add some meanwhile stay within it."""
_UNCOUNTED_SHARE = 0.05
"""The copies are counted when a process has added this share of what they may take."""


class FetchedCopies:
    """The folder of copies, of all processes of this machine. Safe for threads."""

    def __init__(self, folder: Path, most_bytes: float, min_free_bytes: int = 0) -> None:
        """Nothing is made until a copy is.

        Args:
            folder: Where they go.
            most_bytes: That all of them together may take.
            min_free_bytes: Of the disk, that recordings need more than copies do.
        """
        self._folder, self._most_bytes, self._min_free_bytes = folder, most_bytes, min_free_bytes
        self._lock = threading.Lock()
        self._uncounted = most_bytes
        self._swept_s = -math.inf
        self._fetching: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()

    def locate(self, path: str) -> Path:
        """Where a copy of that file lies, or would."""
        return self._folder / path

    def want(self, path: str) -> bool:
        """Whether there is a copy; then it is as good as new."""
        copy = self.locate(path)
        try:
            os.utime(copy, ns=(time.time_ns(), copy.stat().st_mtime_ns))
        except FileNotFoundError:
            return False
        return True

    @contextlib.contextmanager
    def one_at_a_time(self, path: str) -> Iterator[None]:
        """A block in which one thread of this process is for that file: who waited finds the copy of the other one.

        Raises:
            UnavailableError: the other one takes long.
        """
        with self._lock:
            fetching = self._fetching.setdefault(path, threading.Lock())
        if not fetching.acquire(timeout=WAIT_S):
            raise UnavailableError(f"{path} is still being copied from where it lies; try again.")
        try:
            yield
        finally:
            fetching.release()

    def write(self, path: str, size_bytes: int, chunks: Iterable[bytes], modified_ns: int | None = None) -> None:
        """Make a copy, which appears when it is whole; the oldest ones go first where there is no room for it.

        Args:
            path: Of the file, below the media folder.
            size_bytes: That it has.
            chunks: Its content; what they raise is passed on.
            modified_ns: When the file itself was changed, so that `version_of` says the same of both.

        Raises:
            UnavailableError: there is no room for it, or the disk cannot be written.
        """
        copy = self.locate(path)
        draft = copy.with_name(f".{copy.name}.{secrets.token_hex(4)}")
        try:
            self._make_room(size_bytes)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
            os.utime(draft, ns=(time.time_ns(), time.time_ns() if modified_ns is None else modified_ns))
            draft.replace(copy)
            MEDIA_FETCHED_BYTES.inc(size_bytes)
        except OSError as error:
            raise UnavailableError(f"{copy} cannot be written: {error.strerror}.") from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def remove(self, path: str) -> None:
        """Delete one; that there is none is no error."""
        self.locate(path).unlink(missing_ok=True)

    def forget(self, before_s: float) -> None:
        """Delete those that nobody has wanted since then, and the oldest of the others where they take too much."""
        for wanted_s, _, file in self._all():
            if wanted_s < before_s:
                file.unlink(missing_ok=True)
        self._trim(0)
        for folder in sorted((f for f in self._folder.rglob("*") if f.is_dir()), reverse=True):
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()

    def _make_room(self, size_bytes: int) -> None:
        if size_bytes > _FULL_SHARE * self._most_bytes:
            raise UnavailableError(
                f"A file of {size_bytes / 1e9:.1f} GB lies elsewhere, and copies of such files may take "
                f"{self._most_bytes / 1e9:.1f} GB here: raise CAMREC_FETCHED_GB."
            )
        with self._lock:
            self._uncounted += size_bytes
            is_due = self._uncounted >= _UNCOUNTED_SHARE * self._most_bytes
            if is_due:
                self._uncounted = 0
            is_sweep_due = time.monotonic() - self._swept_s > _SWEEP_INTERVAL_S
            if is_sweep_due:
                self._swept_s = time.monotonic()
        if is_sweep_due:  # where no retention runs, e.g. beside an API alone
            self.forget(time.time() - FETCHED_S)
        if is_due:
            self._trim(size_bytes)
        if missing_bytes(self._folder.parent, self._min_free_bytes):
            raise UnavailableError("The disk is nearly full: what lies on other machines cannot be copied here now.")

    def _trim(self, coming_bytes: int) -> None:
        copies = sorted(self._all())
        excess = sum(size for _, size, _ in copies) + coming_bytes - _FULL_SHARE * self._most_bytes
        for _, size_bytes, file in copies:
            if excess <= 0:
                return
            if not _is_draft(file):
                file.unlink(missing_ok=True)
                excess -= size_bytes

    def _all(self) -> list[tuple[float, int, Path]]:
        """When each was wanted, its bytes and place; drafts, too: a process that was killed left some. Those are wanted
        as long as somebody writes them."""
        found = []
        for file in self._folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                status = file.stat()
                if file.is_file():
                    wanted_s = status.st_mtime if _is_draft(file) else status.st_atime
                    found.append((wanted_s, status.st_size, file))
        return found


def _is_draft(file: Path) -> bool:
    return file.name.startswith(".")


def version_of(file: Path) -> str:
    """What changes when the file does: time of its last change in nanoseconds and size, both in hexadecimal.

    Raises:
        FileNotFoundError: there is none.
    """
    status = file.stat()
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def modified_ns_of(version: str) -> int:
    """The time in a version.

    Raises:
        ValueError: it is none.
    """
    return int(version.partition("-")[0], 16)
