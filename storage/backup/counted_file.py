"""Files of a backup that tell how far they are."""

from __future__ import annotations

from typing import IO

from storage.progress import Progress


class CountedFile:
    """A file that tells how much of it was read or written."""

    def __init__(self, file: IO[bytes], step: str, total_bytes: int, progress: Progress) -> None:
        self._file, self._step, self._total_bytes, self._progress = file, step, total_bytes, progress
        self._done_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """As of a binary file."""
        data = self._file.read(size)
        self._count(len(data))
        return data

    def write(self, data: bytes) -> int:
        """As of a binary file."""
        written = self._file.write(data)
        self._count(len(data))
        return written

    def _count(self, size_bytes: int) -> None:
        self._done_bytes += size_bytes
        # An archive is a little larger than what is in it.
        self._progress(self._step, min(self._done_bytes, self._total_bytes), self._total_bytes)
