"""The frame archive: a picture a second of each camera on disk, a row for each in the database."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque

from capture.disk_guard import DiskGuard
from capture.drops import Drops
from core.complaint import Complaint
from core.errors import UnavailableError
from core.types import FrameRef, Picture
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media, encode_jpeg, kept_frame_path

log = logging.getLogger(__name__)

MAX_WAITING_BYTES = 64_000_000
"""Pixels that wait for the disk; frames beyond it are dropped."""
MAX_WAITING_ROWS = 10_000
"""Rows that wait for the database: some minutes of 25 cameras."""
ROWS_INTERVAL_S = 1.0
ROWS_RETRY_S = 2.0


class Keeper:
    """Two threads for all cameras of a process: a locked database must not keep files from being written."""

    def __init__(self, media: Media, disk: DiskGuard, rows: KeptFrameStore, drops: Drops) -> None:
        """Idle until `start`.

        Args:
            media: where the files go.
            disk: looks how full their disk is.
            rows: the table of kept frames.
            drops: counters of what is lost.
        """
        self._media, self._rows, self._drops = media, rows, drops
        self._disk = disk
        self._stopped = threading.Event()
        self._complaint = Complaint(log, "Kept frames wait for the database")
        self._changed = threading.Condition()
        self._frames: deque[tuple[FrameRef, Picture]] = deque()
        self._waiting_bytes = 0
        self._unstored: deque[KeptFrame] = deque()
        self._newest: dict[int, str] = {}
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._write_files, "keeper-files"), (self._write_rows, "keeper-rows"))
        ]

    def start(self) -> None:
        """Begin to write."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the threads; what was written to disk gets its rows if the database lets it."""
        with self._changed:
            self._stopped.set()
            self._changed.notify()
        for thread in self._threads:
            thread.join(timeout_s / len(self._threads))

    def offer(self, ref: FrameRef, pixels: Picture) -> None:
        """Keep this frame; ``pixels`` must not change any more. Never blocks."""
        with self._changed:
            if self._waiting_bytes + pixels.nbytes > MAX_WAITING_BYTES:
                self._drops.count(ref.camera_id, "keep_busy")
                return
            self._frames.append((ref, pixels))
            self._waiting_bytes += pixels.nbytes
            self._changed.notify()

    def newest_paths(self) -> dict[int, str]:
        """Camera → path of its newest kept frame, of those that have a new one since the last call."""
        with self._lock:
            newest, self._newest = self._newest, {}
        return newest

    def _write_files(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped.is_set() or self._frames)
                if not self._frames:
                    return
                ref, pixels = self._frames.popleft()
                self._waiting_bytes -= pixels.nbytes
            try:
                self._keep(ref, pixels)
            except Exception:  # noqa: BLE001 - logged, once a minute
                # A frame that cannot be kept must not end the keeping of all cameras.
                self._drops.count(ref.camera_id, "keep_failed")
                self._disk.complain(traceback.format_exc())

    def _keep(self, ref: FrameRef, pixels: Picture) -> None:
        if not self._disk.has_room():
            self._drops.count(ref.camera_id, "disk_low")
            return
        path = kept_frame_path(ref.camera_id, ref.captured_at)
        jpeg = encode_jpeg(pixels)
        try:
            self._media.write(path, jpeg)
        except UnavailableError as error:
            self._drops.count(ref.camera_id, "disk_full")
            self._disk.complain(str(error))
            return
        with self._lock:
            self._newest[ref.camera_id] = path
            self._unstored.append(
                KeptFrame(ref.camera_id, ref.captured_at, path, ref.width, ref.height, len(jpeg), node=self._media.node)
            )
            lost = self._unstored.popleft() if len(self._unstored) > MAX_WAITING_ROWS else None
        if lost is not None:
            self._drops.count(lost.camera_id, "rows_lost")
            self._media.remove([lost.path])  # without a row nobody would ever find or expire it

    def _write_rows(self) -> None:
        while not self._stopped.wait(ROWS_RETRY_S if self._complaint.is_failing else ROWS_INTERVAL_S):
            self._store_rows()
        self._threads[0].join()  # its last frames need rows, too
        self._store_rows()

    def _store_rows(self) -> None:
        with self._lock:
            rows = list(self._unstored)
        try:
            self._rows.add(rows)
        except Exception as error:  # noqa: BLE001  # whatever it is, the rows wait and the thread lives
            self._complaint.failed(error)
            return
        self._complaint.well()
        stored = set(rows)
        with self._lock:
            # From the left, the oldest may have been given up meanwhile.
            while self._unstored and self._unstored[0] in stored:
                self._unstored.popleft()
