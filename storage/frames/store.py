"""The frame store of an installation: capture writes, workers and the API read, in any number of processes."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from core.errors import CamrecError
from core.recognitions import ClipShape
from core.settings import Settings
from core.types import Clip, Frame, FrameRef, JpegFrame, Picture
from storage.frames.redis_store import RedisFrameStore
from storage.frames.shm_store import ShmFrameStore

log = logging.getLogger(__name__)


class EvidenceStore(Protocol):
    """JPEGs of frames that showed something, until newer ones push them out."""

    def keep(self, camera_id: int, seq: int, jpeg: bytes) -> None:
        """Keep a frame's picture; the oldest of its camera may go.

        Raises:
            UnavailableError: there is no room.
        """

    def get(self, camera_id: int, seq: int) -> bytes | None:
        """The picture of that frame, or None where there is none (any more)."""


class FrameStore(Protocol):
    """The newest frames of every camera. Safe for threads; no camera waits for another."""

    @property
    def evidence(self) -> EvidenceStore:
        """Pictures for events."""

    def write(self, camera_id: int, pixels: Picture, captured_at: float) -> FrameRef:
        """Make this the camera's newest frame; its seq grows with every frame, whoever writes.

        Args:
            camera_id: whose frame it is.
            pixels: (height, width, 3) uint8, BGR.
            captured_at: seconds since the epoch.

        Raises:
            ValueError: the pixels or the time are not of that kind.
            UnavailableError: the store is full or cannot be reached (the text says what to do), or another process
                writes this camera.
        """

    def newest(self, camera_id: int, seen: int = 0) -> Frame | None:
        """The camera's newest frame, however old; None where there is none, or its seq is ``seen``.

        Raises:
            UnavailableError: the store cannot be reached, or holds what another release of camrec wrote.
        """

    def newest_jpeg(self, camera_id: int, seen: int = 0) -> JpegFrame | None:
        """The same as JPEG; arguments and errors as `newest`."""

    def write_clip_picture(self, camera_id: int, pixels: Picture, captured_at: float) -> None:
        """Add the newest picture of the camera's clip; arguments and errors as `write`."""

    def clip(self, camera_id: int, shape: ClipShape) -> Clip | None:
        """The camera's newest clip; None where too few pictures of one size are there.

        Raises:
            UnavailableError: as `newest`.
        """

    def release(self, camera_id: int) -> None:
        """Stop writing a camera, so that another process can; its frames stay."""

    def remove(self, camera_id: int) -> None:
        """Give a camera's memory back.

        Raises:
            UnavailableError: the store cannot be reached.
        """

    def sweep(self, live_camera_ids: Iterable[int]) -> set[int]:
        """Remove all of cameras that the installation no longer has; returns the ids of those that had frames.

        Raises:
            UnavailableError: the store cannot be reached.
        """

    def usage(self) -> tuple[int, int]:
        """Bytes taken, and bytes that may be taken.

        Raises:
            UnavailableError: the store cannot be reached.
        """

    def identity(self) -> str:
        """``<transport>:<name>``: the same in all processes that see each other's frames, and in no other.

        Raises:
            UnavailableError: the store cannot be reached.
        """

    def discard(self) -> None:
        """The installation has stopped on this machine: give back what memory is this machine's."""

    def close(self) -> None:
        """Let go of everything in this process; the frames stay."""


class FrameStoreName:
    """What this process's frame store is called: told in signs of life, so that a stranger among them is found."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: FrameStore | None = None

    def ask(self) -> str | None:
        """Its identity; None while it cannot be told."""
        try:
            self._store = self._store or open_frame_store(self._settings)
            return self._store.identity()
        except (CamrecError, OSError) as error:
            log.debug("the frame store has no name now: %s", error)
            return None


def open_frame_store(settings: Settings) -> FrameStore:
    """The store of the transport that is set.

    Raises:
        UnavailableError: the folder of shared memory cannot be used.
    """
    return RedisFrameStore(settings) if settings.frame_transport == "redis" else ShmFrameStore(settings)
