"""The frame store of one machine: rings of pixels and files of pictures in a folder in memory."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

from core.clock import Clock, SystemClock
from core.recognitions import ClipShape
from core.settings import Settings
from core.types import Clip, Frame, FrameRef, JpegFrame, Picture
from storage.frames.clip_window import CLIP_PICTURES, clip_of, in_window
from storage.frames.evidence import Evidence, evidence_share
from storage.frames.folder import RingFolder
from storage.frames.ring import RingReader, RingWriter
from storage.media import encode_jpeg

PRUNE_INTERVAL_S = 10.0
"""A removed ring's memory is free when the last process has unmapped it: readers look for those this often."""


class ShmFrameStore:
    """The newest few frames of every camera, in shared memory. Safe for threads; no camera waits for another."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Open the store in ``CAMREC_FRAME_DIR``, in a folder of this installation's own.

        Raises:
            UnavailableError: the folder cannot be made, or belongs to somebody else.
        """
        installation = hashlib.sha256(str(settings.data.resolve()).encode()).hexdigest()[:12]
        path, self._allowed_bytes = settings.frame_dir / f"camrec-{installation}", int(settings.frame_memory)
        evidence_bytes = evidence_share(self._allowed_bytes)
        self._folder = RingFolder(path, self._allowed_bytes - evidence_bytes)
        self._clip_folder = RingFolder(path, self._allowed_bytes - evidence_bytes, "clip")
        self.evidence = Evidence(path / "evidence", evidence_bytes)
        """Pictures for events."""
        self._lock = threading.Lock()
        self._clip_writers: dict[int, RingWriter] = {}
        self._clip_readers: dict[int, RingReader] = {}
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

    def newest(self, camera_id: int, seen: int = 0) -> Frame | None:
        """The camera's newest frame, a copy of the caller's own; None where there is none, or its seq is ``seen``.

        However old it is: callers look at ``captured_at``.

        Raises:
            UnavailableError: the ring is of another release of camrec.
        """
        frame = self._reader(camera_id).newest()
        return None if frame is None or frame.ref.seq == seen else frame

    def newest_jpeg(self, camera_id: int, seen: int = 0) -> JpegFrame | None:
        """The same as JPEG; arguments and errors as `newest`."""
        frame = self.newest(camera_id, seen)
        return None if frame is None else JpegFrame(frame.ref, encode_jpeg(frame.pixels))

    def write_clip_picture(self, camera_id: int, pixels: Picture, captured_at: float) -> None:
        """Add the newest picture of the camera's clip; arguments and errors as `write`."""
        with self._lock:
            writer = self._clip_writers.get(camera_id)
            if writer is None:
                writer = self._clip_writers[camera_id] = RingWriter(self._clip_folder, camera_id, slots=CLIP_PICTURES)
        writer.write(pixels, captured_at)

    def clip(self, camera_id: int, shape: ClipShape) -> Clip | None:
        """The camera's newest clip, a copy of the caller's own; None where too few pictures of one size are there.

        Raises:
            UnavailableError: the ring is of another release of camrec.
        """
        with self._lock:
            reader = self._clip_readers.get(camera_id)
            if reader is None:
                reader = self._clip_readers[camera_id] = RingReader(self._clip_folder.ring_path(camera_id), camera_id)
        frames = reader.latest(shape.frames)
        return clip_of([f for f in frames if in_window(f.ref, frames[-1].ref, shape)], shape)

    def release(self, camera_id: int) -> None:
        """Stop writing a camera, so that another process can; its frames stay."""
        with self._lock:
            writers = [w.pop(camera_id, None) for w in (self._writers, self._clip_writers)]
        for writer in writers:
            if writer is not None:
                writer.close()

    def remove(self, camera_id: int) -> None:
        """Give a camera's memory back. A capture that still writes it makes a new ring, until it stops."""
        self.release(camera_id)
        with self._folder.lock():
            self._folder.remove(camera_id)
            self._clip_folder.remove(camera_id)

    def sweep(self, live_camera_ids: Iterable[int]) -> set[int]:
        """Remove the rings and pictures of all other cameras; returns the ids of those that had a ring."""
        live = set(live_camera_ids)
        dead = (self._folder.camera_ids() | self._clip_folder.camera_ids()) - live
        for camera_id in dead:
            self.remove(camera_id)
        self.evidence.sweep(live)
        return dead

    def usage(self) -> tuple[int, int]:
        """Bytes that rings and pictures take, and bytes that they may take."""
        return self._folder.used_bytes() + self.evidence.used_bytes(), self._allowed_bytes

    def identity(self) -> str:
        """The same in all processes that use these rings, and in no other."""
        path = self.folder / "identity"
        with self._folder.lock():
            if not path.exists():
                path.write_text(f"shm:{secrets.token_hex(8)}")
            return path.read_text()

    def discard(self) -> None:
        """Give all memory back: nobody uses it any more."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Unmap everything of this process; the frames stay."""
        with self._lock:
            writers = [*self._writers.values(), *self._clip_writers.values()]
            for rings in (self._writers, self._readers, self._clip_writers, self._clip_readers):
                rings.clear()
        for writer in writers:
            writer.close()

    def _reader(self, camera_id: int) -> RingReader:
        with self._lock:
            now_s = self._clock.monotonic()
            if now_s >= self._next_prune_s:
                self._next_prune_s = now_s + PRUNE_INTERVAL_S
                self._readers = {id_: reader for id_, reader in self._readers.items() if reader.is_current()}
                self._clip_readers = {id_: reader for id_, reader in self._clip_readers.items() if reader.is_current()}
            reader = self._readers.get(camera_id)
            if reader is None:
                reader = self._readers[camera_id] = RingReader(self._folder.ring_path(camera_id), camera_id)
            return reader
