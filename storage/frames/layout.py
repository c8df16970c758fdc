"""The file of a ring: one page of header and slot table, then the pixels of each slot, page-aligned.

All numbers are native 64-bit words on 8-byte boundaries, read and written through numpy views: one word is one load or
store of the CPU, whereas `struct` in its standard sizes moves bytes one by one and can be seen half written.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import UnavailableError

MAGIC = int.from_bytes(b"camrecFR", "little")
VERSION = 1
PAGE_BYTES = 4096
WORDS = 8
"""Words of the header, and of each row of the slot table: 64 bytes, one cache line."""
MAX_SLOTS = PAGE_BYTES // (8 * WORDS) - 1


class Header(IntEnum):
    """Words of the header."""

    MAGIC = 0
    VERSION = 1
    SLOTS = 2
    CAPACITY = 3
    """Bytes of pixels that one slot holds."""
    CAMERA = 4
    NEWEST = 5
    """Index of the slot written last. That slot's generation is 0 where nothing was written yet."""
    LAST_SEQ = 6
    """The highest seq given out so far, whether or not its frame was finished."""


class Slot(IntEnum):
    """Words of a row of the slot table."""

    GENERATION = 0
    """0: never written, odd: being written; it grows by 2 with every frame."""
    SEQ = 1
    CAPTURED_AT = 2
    """The bits of a float64."""
    WIDTH = 3
    HEIGHT = 4


class RingFormatError(UnavailableError):
    """A file that is not a ring of this camera and this version."""


class Ring:
    """A mapped ring file. It stays mapped, and its writer's lock held, for as long as one of its arrays is in use."""

    def __init__(self, fd: int, path: Path, camera_id: int, *, writable: bool) -> None:
        """Map an open file; the caller still closes ``fd``.

        Raises:
            RingFormatError: it is not a ring of this camera and version.
        """
        status = os.fstat(fd)
        self.identity = (status.st_dev, status.st_ino)
        self.size = status.st_size
        if self.size < PAGE_BYTES:
            raise RingFormatError(f"{path}: expected a ring of at least {PAGE_BYTES} bytes, found {self.size} bytes.")
        # mmap keeps a duplicate of fd, and with it the writer's flock, until the mapping goes.
        mapping = mmap.mmap(fd, self.size, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
        words = np.frombuffer(mapping, np.uint64, PAGE_BYTES // 8).reshape(-1, WORDS)
        self.header: npt.NDArray[np.uint64] = words[0]
        _check_header(self.header, path, camera_id, self.size)
        slots = int(self.header[Header.SLOTS])
        self.capacity = int(self.header[Header.CAPACITY])
        self.slots: npt.NDArray[np.uint64] = words[1 : slots + 1]
        self.captured_at: npt.NDArray[np.float64] = self.slots.view(np.float64)[:, Slot.CAPTURED_AT]
        self.pixels: npt.NDArray[np.uint8] = np.frombuffer(mapping, np.uint8, offset=PAGE_BYTES).reshape(slots, -1)

    @classmethod
    def open_for_reading(cls, path: Path, camera_id: int) -> Ring:
        """Map the ring read-only.

        Raises:
            FileNotFoundError: there is none.
            RingFormatError: the file is not a ring of this camera and version.
        """
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return cls(fd, path, camera_id, writable=False)
        finally:
            os.close(fd)

    @classmethod
    def open_for_writing(cls, path: Path, camera_id: int) -> Ring:
        """Map the ring and become its one writer.

        Raises:
            FileNotFoundError: there is none.
            RingFormatError: the file is not a ring of this camera and version.
            UnavailableError: another process writes it.
        """
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            _lock_for_writing(fd, camera_id)
            return cls(fd, path, camera_id, writable=True)
        finally:
            os.close(fd)

    @classmethod
    def create(cls, path: Path, camera_id: int, *, slots: int, capacity: int, last_seq: int) -> Ring:
        """Make a ring with all its memory taken, so that no later store meets a full tmpfs (a SIGBUS).

        Raises:
            OSError: the folder has no room (ENOSPC).
        """
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _lock_for_writing(fd, camera_id)
            os.posix_fallocate(fd, 0, ring_bytes(slots, capacity))
            header = np.array([MAGIC, VERSION, slots, capacity, camera_id, 0, last_seq], np.uint64)
            os.pwrite(fd, header.tobytes(), 0)
            return cls(fd, path, camera_id, writable=True)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)

    def is_at(self, path: Path) -> bool:
        """Whether the path still names this file: false once it was replaced or removed, by whomever."""
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == self.identity


def ring_bytes(slots: int, capacity: int) -> int:
    """Size of a ring file."""
    return PAGE_BYTES + slots * capacity


def slot_capacity(pixel_bytes: int) -> int:
    """Bytes of a slot for pictures of that many bytes: whole pages."""
    return -(-pixel_bytes // PAGE_BYTES) * PAGE_BYTES


def fence() -> None:
    """Let no load or store pass this point: what is before it is seen by other CPUs before what is after it.

    A release followed by an acquire orders everything around it on ARMv8, and a locked instruction does on x86-64,
    where it also orders the streaming stores that memcpy uses for large pictures. Python has no fence of its own; a
    lock made here, which nobody else can hold, costs a fraction of a microsecond.
    """
    lock = threading.Lock()
    lock.acquire()
    lock.release()
    lock.acquire()


def _lock_for_writing(fd: int, camera_id: int) -> None:
    # Two writers would mix two pictures in one slot under valid generations. The kernel frees the lock of a killed one.
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UnavailableError(
            f"Another process writes the frames of camera {camera_id}. Is a second capture running on this data folder?"
        ) from None


def _check_header(header: npt.NDArray[np.uint64], path: Path, camera_id: int, size: int) -> None:
    magic, version, slots, capacity, camera = (int(word) for word in header[: Header.CAMERA + 1])
    if magic != MAGIC:
        raise RingFormatError(f"{path} is not a ring of frames.")
    if version != VERSION:
        raise RingFormatError(
            f"{path} is a ring of version {version}; expected version {VERSION}. "
            "Run the same release of camrec in capture, workers and API."
        )
    if camera != camera_id:
        raise RingFormatError(f"{path} is the ring of camera {camera}; expected camera {camera_id}.")
    if not 2 <= slots <= MAX_SLOTS or capacity % PAGE_BYTES or ring_bytes(slots, capacity) != size:
        raise RingFormatError(f"{path}: {slots} slots of {capacity} bytes do not make a file of {size} bytes.")
