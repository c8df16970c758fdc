"""The thread that writes the recordings of all cameras of a process."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from capture.disk_guard import DiskGuard
from capture.drops import Drops
from capture.recorder.arrival import Arrival
from capture.recorder.track import Finished, Track
from storage.segments import RetentionClass

log = logging.getLogger(__name__)

MAX_WAITING_BYTES = 128_000_000
"""Packets that wait for the disk; what comes beyond it is dropped."""
INTERVAL_S = 0.5
"""Packets are written in batches: waking a thread for each would cost more than writing it."""

_Item = tuple[Arrival | None, RetentionClass]
"""None: what comes next does not follow what came before."""


@dataclass(slots=True)
class RecordingFigures:
    """What was recorded of a camera since its process has had it."""

    bytes: int = 0
    segments: int = 0
    gaps: int = 0
    """Times that a recording broke off and went on."""
    last_segment_at: float | None = None
    """End of the last one, in seconds since the epoch."""
    is_paused: bool = False
    """The disk is full, or does not take what is written."""


class TakesFiles(Protocol):
    """Where files go that are whole."""

    def commit(self, finished: Finished) -> None:
        """Take one. Nothing here may block."""


class Writer:
    """Takes packets without ever making anybody wait."""

    def __init__(self, media: Path, node: str, disk: DiskGuard, committer: TakesFiles, drops: Drops) -> None:
        """Idle until `start`.

        Args:
            media: the media folder.
            node: name of this machine.
            disk: looks how full it is.
            committer: takes segments that are whole.
            drops: counters of what is lost.
        """
        self._media, self._node, self._disk, self._committer, self._drops = media, node, disk, committer, drops
        self._lock = threading.Lock()
        self._items: defaultdict[int, list[_Item]] = defaultdict(list)
        """By camera: one file after another is written, which is faster than a packet of each in turn."""
        self._waiting_bytes = 0
        self._interrupted: set[int] = set()
        """Cameras of which packets were dropped: they go on with a key frame."""
        self._tracks: dict[int, Track] = {}
        self._figures: dict[int, RecordingFigures] = {}
        self.has_room = True
        """Whether the disk takes more, as of the last seconds."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Write what waits, end all segments and the thread."""
        self._stopped.set()
        self._thread.join(timeout_s)

    def figures(self, camera_id: int) -> RecordingFigures:
        """What was recorded of a camera."""
        return self._figures.setdefault(camera_id, RecordingFigures())

    def waiting_bytes(self, camera_id: int) -> int:
        """Packets of a camera that came since the last were taken to be written: little, unless the disk is slow."""
        with self._lock:
            return sum(arrival.packet.size for arrival, _ in self._items.get(camera_id, ()) if arrival is not None)

    def forget(self, camera_id: int) -> None:
        """The camera is gone."""
        self.end(camera_id)
        self._figures.pop(camera_id, None)

    def put(self, camera_id: int, arrival: Arrival, retention_class: RetentionClass) -> None:
        """Record this packet."""
        size = arrival.packet.size
        with self._lock:
            is_full = self._waiting_bytes + size > MAX_WAITING_BYTES
            if camera_id in self._interrupted and arrival.starts_group and not is_full:
                self._interrupted.discard(camera_id)
            if not is_full and camera_id not in self._interrupted:
                self._items[camera_id].append((arrival, retention_class))
                self._waiting_bytes += size
                return
            if camera_id not in self._interrupted:
                self._interrupted.add(camera_id)
                self._items[camera_id].append((None, retention_class))
        self._drops.count(camera_id, "record_busy")

    def end(self, camera_id: int) -> None:
        """What comes next does not follow what came before."""
        with self._lock:
            self._items[camera_id].append((None, "continuous"))

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_S):
            self.has_room = self._disk.has_room()
            self._write_waiting()
        self._write_waiting()
        for camera_id in list(self._tracks):
            self._write(camera_id, [(None, "continuous")])

    def _write_waiting(self) -> None:
        with self._lock:
            waiting, self._items = self._items, defaultdict(list)
        for camera_id, items in waiting.items():
            self._write(camera_id, items)
            written = sum(arrival.packet.size for arrival, _ in items if arrival is not None)
            with self._lock:
                self._waiting_bytes -= written

    def _write(self, camera_id: int, items: list[_Item]) -> None:
        figures, has_room = self.figures(camera_id), self.has_room
        figures.is_paused = not has_room
        for arrival, retention_class in items:
            try:
                if arrival is None or not has_room:
                    self._end_track(camera_id)
                    if arrival is not None:
                        self._drops.count(camera_id, "record_disk_low")
                else:
                    track = self._tracks.get(camera_id) or self._new_track(camera_id)
                    track.retention_class = retention_class
                    track.take(arrival)
            except OSError as error:
                self._drops.count(camera_id, "record_disk_full")
                self._disk.complain(str(error.strerror or error))
                figures.is_paused = True
            except Exception:  # one camera's oddity must not end the recording of all
                log.exception("Camera %d: a packet could not be recorded", camera_id)
                self._drops.count(camera_id, "record_failed")

    def _end_track(self, camera_id: int) -> None:
        track = self._tracks.get(camera_id)
        if track is not None:
            track.end()
            del self._tracks[camera_id]

    def _new_track(self, camera_id: int) -> Track:
        figures = self.figures(camera_id)
        runs: set[str] = set()

        def finished(whole: Finished) -> None:
            segment = whole.segment
            if segment.run not in runs and figures.segments:
                figures.gaps += 1
            runs.add(segment.run)
            figures.segments += 1
            figures.bytes += segment.size_bytes
            figures.last_segment_at = segment.ended_at
            self._committer.commit(whole)

        track = Track(camera_id, self._media, self._node, finished, lambda cause: self._drops.count(camera_id, cause))
        self._tracks[camera_id] = track
        return track
