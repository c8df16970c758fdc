"""One writer and many readers of a camera's newest frames, in shared memory and without locks between them.

A sequence lock for each slot: its generation is odd while it is written, and a reader compares it before and after the
copy, so that no reader is ever given pixels of two moments, or of another moment than the frame says. (Boehm, "Can
seqlocks get along with programming language memory models?", MSPC 2012.) A ring that is replaced or removed, even by a
stranger, is noticed by the file's identity: a mark in the old ring would be missed where its writer dies in between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.errors import UnavailableError
from core.types import Frame, FrameRef, Picture
from storage.frames.checks import check_frame
from storage.frames.folder import RingFolder
from storage.frames.layout import Header, Ring, RingFormatError, Slot, fence, ring_bytes, slot_capacity

SLOTS = 4
"""The newest frame, the one being written, and two more: at 30 frames/s a reader has 100 ms for a copy that takes 1 ms,
and can still find a frame a moment later, for twice the memory of the least possible ring."""

READ_ATTEMPTS = 8
"""A reader overtaken this often in a row is slower than any use of the newest frame allows."""


class RingWriter:
    """The one writer of a camera's ring; safe for threads, exclusive among processes."""

    def __init__(
        self,
        folder: RingFolder,
        camera_id: int,
        *,
        slots: int = SLOTS,
        copy: Callable[[Picture, Picture], None] = np.copyto,
    ) -> None:
        """Nothing is opened before the first frame, whose size the ring must have.

        Args:
            folder: where the ring is, and what it may take.
            camera_id: whose frames these are, 0 or more.
            slots: frames in the ring, 2 to 63.
            copy: ``copy(slot, pixels)`` copies a picture into its slot.
        """
        self._folder = folder
        self._camera_id = camera_id
        self._path = folder.ring_path(camera_id)
        self._slots = slots
        self._copy = copy
        self._lock = threading.Lock()
        self._ring: Ring | None = None
        self._last_seq = 0

    def write(self, pixels: Picture, captured_at: float) -> FrameRef:
        """Make this the newest frame.

        Its seq is a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): microseconds of
        ``captured_at``, or the last seq + 1 where the clock stands still or was set back. As the ring outlives capture,
        seq grows across its restarts; and where the ring is lost, as in a reboot, the clock alone keeps it growing.

        Args:
            pixels: (height, width, 3) uint8, BGR, contiguous or not.
            captured_at: seconds since the epoch.

        Raises:
            ValueError: the pixels or the time are not of that kind.
            UnavailableError: the store is full or cannot be used, or another process writes this camera's frames.
        """
        check_frame(pixels, captured_at)
        with self._lock:
            if self._ring is not None and _suits(self._ring, pixels) and self._ring.is_at(self._path):
                return self._put(self._ring, pixels, captured_at)
            try:
                with self._folder.lock():
                    return self._put_in_other_ring(pixels, captured_at)
            except OSError as error:
                raise UnavailableError(f"Cannot use the ring {self._path}: {error.strerror}.") from error

    def close(self) -> None:
        """Let another process be the writer; the ring and its frames stay."""
        with self._lock:
            self._ring = None

    def _put_in_other_ring(self, pixels: Picture, captured_at: float) -> FrameRef:
        ring = self._ring = self._open_existing()
        if ring is not None:
            self._last_seq = max(self._last_seq, int(ring.header[Header.LAST_SEQ]))
            if _suits(ring, pixels):
                return self._put(ring, pixels, captured_at)
        ring = self._create(slot_capacity(pixels.nbytes))
        # The frame first, then the name: readers find a newest frame at every moment.
        ref = self._put(ring, pixels, captured_at)
        self._folder.unfinished_path(self._camera_id).rename(self._path)
        self._ring = ring
        return ref

    def _open_existing(self) -> Ring | None:
        if self._ring is not None and self._ring.is_at(self._path):
            return self._ring
        try:
            return Ring.open_for_writing(self._path, self._camera_id)
        except (FileNotFoundError, RingFormatError):
            return None

    def _create(self, capacity: int) -> Ring:
        needed_bytes = ring_bytes(self._slots, capacity)
        self._folder.check_room(self._camera_id, needed_bytes)
        try:
            return Ring.create(
                self._folder.unfinished_path(self._camera_id),
                self._camera_id,
                slots=self._slots,
                capacity=capacity,
                last_seq=self._last_seq,
            )
        except OSError as error:
            cause = f"making its ring failed: {error.strerror}"
            raise self._folder.full_error(self._camera_id, needed_bytes, cause) from error

    def _put(self, ring: Ring, pixels: Picture, captured_at: float) -> FrameRef:
        height, width, _ = pixels.shape
        seq = max(self._last_seq + 1, int(captured_at * 1e6))
        number = (int(ring.header[Header.NEWEST]) + 1) % len(ring.slots)
        slot = ring.slots[number]
        generation = int(slot[Slot.GENERATION]) | 1  # odd already where a writer died here
        self._last_seq = seq
        ring.header[Header.LAST_SEQ] = seq  # before anybody can see the frame, so that no seq is given out twice
        slot[Slot.GENERATION] = generation
        fence()
        slot[Slot.SEQ] = seq
        ring.captured_at[number] = captured_at
        slot[Slot.WIDTH], slot[Slot.HEIGHT] = width, height
        self._copy(ring.pixels[number, : pixels.nbytes].reshape(pixels.shape), pixels)
        fence()
        slot[Slot.GENERATION] = generation + 1
        fence()
        ring.header[Header.NEWEST] = number
        return FrameRef(self._camera_id, seq, captured_at, width, height)


class RingReader:
    """Reads a camera's ring, whichever file that is now; safe for threads, which copy at the same time."""

    def __init__(self, path: Path, camera_id: int, *, copy: Callable[[Picture], Picture] = np.copy) -> None:
        """The ring need not be there yet.

        Args:
            path: the ring file.
            camera_id: whose frames these are.
            copy: makes the private copy of the pixels in a slot.
        """
        self._path = path
        self._camera_id = camera_id
        self._copy = copy
        self._ring: Ring | None = None

    def newest(self) -> Frame | None:
        """A private copy of the newest frame; None where there is none, or the writer overtook every attempt.

        Raises:
            RingFormatError: the file is not a ring of this camera and version.
        """
        for _ in range(READ_ATTEMPTS):
            ring = self._current()
            if ring is None:
                return None
            number = int(ring.header[Header.NEWEST])
            if ring.slots[number, Slot.GENERATION] == 0:
                return None
            frame = self._read(ring, number)
            if frame is not None:
                return frame
        return None

    def at(self, seq: int) -> Frame | None:
        """A private copy of the frame with that seq; None where the ring no longer has it.

        Raises:
            RingFormatError: the file is not a ring of this camera and version.
        """
        ring = self._current()
        if ring is None:
            return None
        for number in np.flatnonzero(ring.slots[:, Slot.SEQ] == seq):
            frame = self._read(ring, int(number))
            if frame is not None and frame.ref.seq == seq:
                return frame
        return None

    def latest(self, count: int) -> list[Frame]:
        """Private copies of the newest frames, oldest first; those that the writer overtook are left out.

        Raises:
            RingFormatError: the file is not a ring of this camera and version.
        """
        ring = self._current()
        if ring is None:
            return []
        seqs = np.sort(ring.slots[:, Slot.SEQ])[::-1][:count]
        frames = [self.at(int(seq)) for seq in seqs[::-1] if seq > 0]
        return [frame for frame in frames if frame is not None]

    def is_current(self) -> bool:
        """Whether the ring of the last read is still the camera's; one that is not holds memory until it is dropped."""
        ring = self._ring
        return ring is not None and ring.is_at(self._path)

    def _current(self) -> Ring | None:
        ring = self._ring
        if ring is None or not ring.is_at(self._path):
            try:
                ring = Ring.open_for_reading(self._path, self._camera_id)
            except FileNotFoundError:
                ring = None
            # Threads that do this at once each get a good mapping; one of them is kept.
            self._ring = ring
        return ring

    def _read(self, ring: Ring, number: int) -> Frame | None:
        """Copy a slot; None if it was written meanwhile."""
        slot = ring.slots[number]
        generation = int(slot[Slot.GENERATION])
        if generation == 0 or generation % 2:
            return None
        fence()
        ref = FrameRef(
            self._camera_id,
            seq=int(slot[Slot.SEQ]),
            captured_at=float(ring.captured_at[number]),
            width=int(slot[Slot.WIDTH]),
            height=int(slot[Slot.HEIGHT]),
        )
        pixel_bytes = ref.width * ref.height * 3
        if pixel_bytes > ring.capacity:
            return None
        pixels = self._copy(ring.pixels[number, :pixel_bytes].reshape(ref.height, ref.width, 3))
        fence()
        if int(slot[Slot.GENERATION]) != generation:
            return None
        return Frame(ref, pixels)


def _suits(ring: Ring, pixels: Picture) -> bool:
    # A ring more than twice too large is replaced too, so that lowering a camera's resolution gives memory back.
    return pixels.nbytes <= ring.capacity <= 2 * slot_capacity(pixels.nbytes)
