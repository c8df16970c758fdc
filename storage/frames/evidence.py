"""JPEGs of frames that showed something, kept in memory for the event worker until newer ones push them out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core.clock import Clock, SystemClock
from core.errors import UnavailableError
from storage.frames.folder import make_private_folder

MAX_PER_CAMERA = 32
"""Seconds of a busy camera: judgement follows recognition by less than a second, unless no event worker runs."""

LEAST_PER_CAMERA = 4
"""So many of a camera stay where the budget is used up: the pictures of all cameras get older less, none gets lost."""

_SHARE = 8

COUNT_INTERVAL_S = 2.0
"""How often a process looks what all pictures take."""

_SEQ_DIGITS = 20
"""Of any 64-bit number, so that names sort as seqs do."""


class Evidence:
    """Pictures by camera and seq, in one folder for all processes; a picture may vanish at any time."""

    def __init__(self, folder: Path, allowed_bytes: int, clock: Clock | None = None) -> None:
        """Make the folder (mode 0700) where it is missing.

        Args:
            folder: of the pictures.
            allowed_bytes: of all of them; beyond it each camera keeps `LEAST_PER_CAMERA`.
            clock: of the machine by default.

        Raises:
            UnavailableError: it cannot be made, or belongs to somebody else.
        """
        self._folder, self._allowed_bytes, self._clock = folder, allowed_bytes, clock or SystemClock()
        self._next_count_s = float("-inf")
        self._is_full = False
        make_private_folder(folder)

    def keep(self, camera_id: int, seq: int, jpeg: bytes) -> None:
        """Keep a frame's picture; beyond `MAX_PER_CAMERA`, or the budget, the oldest of its camera go.

        Raises:
            UnavailableError: there is no room.
        """
        folder = self._camera_folder(camera_id)
        try:
            self._write(folder, seq, jpeg)
        except FileNotFoundError:
            pass  # it was forgotten, or its camera swept away, while it was written
        except OSError as error:
            raise UnavailableError(f"Cannot keep the picture of a frame in {folder}: {error.strerror}.") from error
        for name in self._names(folder)[: -self._most()]:
            (folder / name).unlink(missing_ok=True)

    def get(self, camera_id: int, seq: int) -> bytes | None:
        """The picture of that frame, or None where there is none."""
        try:
            return (self._camera_folder(camera_id) / _name(seq)).read_bytes()
        except FileNotFoundError:
            return None

    def sweep(self, live_camera_ids: Iterable[int]) -> None:
        """Delete the pictures of all other cameras."""
        live = {str(camera_id) for camera_id in live_camera_ids}
        for folder in self._camera_folders():
            if folder.name not in live:
                for name in self._names(folder):
                    (folder / name).unlink(missing_ok=True)
                with suppress(OSError):  # a picture that comes right now keeps the folder until the next sweep
                    folder.rmdir()

    def used_bytes(self) -> int:
        """Memory that all pictures take."""
        used = 0
        for folder in self._camera_folders():
            with suppress(FileNotFoundError), os.scandir(folder) as files:
                for file in files:
                    with suppress(FileNotFoundError):
                        used += file.stat().st_size
        return used

    def _most(self) -> int:
        """How many pictures a camera may keep now."""
        now_s = self._clock.monotonic()
        if now_s >= self._next_count_s:
            self._next_count_s = now_s + COUNT_INTERVAL_S
            self._is_full = self.used_bytes() > self._allowed_bytes
        return LEAST_PER_CAMERA if self._is_full else MAX_PER_CAMERA

    def _camera_folder(self, camera_id: int) -> Path:
        return self._folder / str(camera_id)

    def _camera_folders(self) -> list[Path]:
        return [self._folder / name for name in self._names(self._folder)]

    @staticmethod
    def _names(folder: Path) -> list[str]:
        """All files, oldest first; unfinished ones among them, so that those of killed processes go in their turn."""
        try:
            return sorted(os.listdir(folder))
        except FileNotFoundError:
            return []

    def _write(self, folder: Path, seq: int, jpeg: bytes) -> None:
        make_private_folder(self._folder)  # not those above it: they would be open to others, and be refused
        folder.mkdir(mode=0o700, exist_ok=True)
        # "+" sorts before ".", so an unfinished file counts as just older than the finished one of its seq.
        fd, unfinished = tempfile.mkstemp(prefix=f"{seq:0{_SEQ_DIGITS}d}+", dir=folder)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(jpeg)
            Path(unfinished).replace(folder / _name(seq))
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise


def evidence_share(allowed_bytes: int) -> int:
    """How much of CAMREC_FRAME_MEMORY pictures for events may take; frames and clips may take the rest."""
    return allowed_bytes // _SHARE


def _name(seq: int) -> str:
    return f"{seq:0{_SEQ_DIGITS}d}.jpg"
