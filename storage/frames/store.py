"""The frame store of an installation: capture writes, workers and the API read, in any number of processes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path

from core.clock import Clock, SystemClock
from core.settings import Settings
from core.types import Frame, FrameRef, Picture
from storage.frames.folder import RingFolder
from storage.frames.ring import RingReader, RingWriter

PRUNE_INTERVAL_S = 10.0
"""A removed ring's memory is free when the last process has unmapped it: readers look for those this often."""


class FrameStore:
    """The newest few frames of every camera, in shared memory. Safe for threads; no camera waits for another."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Open the store in ``CAMREC_FRAME_DIR``, in a folder of this installation's own.

        Raises:
            UnavailableError: the folder cannot be made, or belongs to somebody else.
        """
        installation = hashlib.sha256(str(settings.data.resolve()).encode()).hexdigest()[:12]
        self._folder = RingFolder(settings.frame_dir / f"camrec-{installation}", int(settings.frame_memory))
        self._lock = threading.Lock()
        self._writers: dict[int, RingWriter] = {}
        self._readers: dict[int, RingReader] = {}
        self._clock = clock or SystemClock()
        self._next_prune_s = 0.0

    @property
    def folder(self) -> Path:
        """Where the rings are; only this user can enter it."""
        return self._folder.path

    def write(self, camera_id: int, pixels: Picture, captured_at: float) -> FrameRef:
        """Make this the camera's newest frame. One process at a time writes a camera: see `release`.

        Args:
            camera_id: whose frame it is.
            pixels: (height, width, 3) uint8, BGR.
            captured_at: seconds since the epoch.

        Raises:
            ValueError: the pixels or the time are not of that kind.
            UnavailableError: the store is full (the text says what to do), or another process writes this camera.
        """
        with self._lock:
            writer = self._writers.get(camera_id)
            if writer is None:
                writer = self._writers[camera_id] = RingWriter(self._folder, camera_id)
        return writer.write(pixels, captured_at)

    def newest(self, camera_id: int) -> Frame | None:
        """The camera's newest frame, a copy of the caller's own; None where there is none.

        However old it is: callers look at ``captured_at``.

        Raises:
            UnavailableError: the ring is of another release of camrec.
        """
        return self._reader(camera_id).newest()

    def at(self, camera_id: int, seq: int) -> Frame | None:
        """The frame with that seq, a copy of the caller's own; None where the ring no longer has it.

        Raises:
            UnavailableError: the ring is of another release of camrec.
        """
        return self._reader(camera_id).at(seq)

    def release(self, camera_id: int) -> None:
        """Stop writing a camera, so that another process can; its frames stay."""
        with self._lock:
            writer = self._writers.pop(camera_id, None)
        if writer is not None:
            writer.close()

    def remove(self, camera_id: int) -> None:
        """Give a camera's memory back. A capture that still writes it makes a new ring, until it stops."""
        self.release(camera_id)
        with self._folder.lock():
            self._folder.remove(camera_id)

    def sweep(self, live_camera_ids: Iterable[int]) -> set[int]:
        """Remove the rings of all other cameras; returns their ids."""
        live = set(live_camera_ids)
        dead = self._folder.camera_ids() - live
        for camera_id in dead:
            self.remove(camera_id)
        return dead

    def usage(self) -> tuple[int, int]:
        """Bytes that the rings take, and bytes that they may take."""
        return self._folder.used_bytes(), self._folder.allowed_bytes

    def close(self) -> None:
        """Unmap everything of this process; the frames stay."""
        with self._lock:
            writers = list(self._writers.values())
            self._writers.clear()
            self._readers.clear()
        for writer in writers:
            writer.close()

    def _reader(self, camera_id: int) -> RingReader:
        with self._lock:
            now_s = self._clock.monotonic()
            if now_s >= self._next_prune_s:
                self._next_prune_s = now_s + PRUNE_INTERVAL_S
                self._readers = {id_: reader for id_, reader in self._readers.items() if reader.is_current()}
            reader = self._readers.get(camera_id)
            if reader is None:
                reader = self._readers[camera_id] = RingReader(self._folder.ring_path(camera_id), camera_id)
            return reader
