"""Segments that are whole: made durable, given their names, entered into the index. All of it in batches."""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from capture.drops import Drops
from capture.recorder.track import Finished
from capture.recorder.unindexed import UnindexedFiles
from core.complaint import Complaint
from storage.segment_files import (
    BrokenSegmentError,
    header_bytes,
    is_abandoned,
    open_segment_paths,
    read_segment,
    repair,
    whole_segment_path,
)
from storage.segments import Segment, SegmentStore

log = logging.getLogger(__name__)

INTERVAL_S = 2.0
SWEEP_INTERVAL_S = 10.0
MAX_WAITING = 50_000
"""Rows that wait for the database, and files that wait for their names: two hours of 25 cameras. Beyond it the oldest
are given up here, counted, and found again on disk."""
ROWS_PER_BATCH = 500
LATE_S = 30.0
"""Of a segment whose row comes so long after its end, events may have been heard before it had one."""
FILES_PER_BATCH = 50
"""Files read in one pass because they are not in the index: new ones must not wait for all of them."""
_LIBC = ctypes.CDLL(None, use_errno=True)
MAX_UNREADABLE = 1000
"""Files that are tried again and again; others wait for `camrec recordings check`."""


class Committer:
    """One thread for all cameras of a process. Neither a slow disk nor a database that is down stops recording."""

    def __init__(
        self,
        media: Path,
        node: str,
        store: SegmentStore,
        drops: Drops,
        cameras: Callable[[], list[int]],
        also: Callable[[], None] = lambda: None,
    ) -> None:
        """Idle until `start`.

        Args:
            media: the media folder.
            node: name of this machine.
            store: the index.
            drops: counters of what waits for too long.
            cameras: ids of those whose files this process looks after.
            also: is done in each pass, too, and may wait for the database.
        """
        self._media, self._node, self._store, self._drops = media, node, store, drops
        self._cameras, self._also = cameras, also
        self._lock = threading.Lock()
        self._finished: deque[Finished] = deque()
        self._rows: deque[Segment] = deque()
        self._search = UnindexedFiles(media, node, store)
        self._unindexed: deque[str] = deque()
        """Files to read; those of `_unreadable` are among them."""
        self._unreadable: set[str] = set()
        self._swept_s = float("-inf")
        self._steps = (
            (self._name_files, Complaint(log, "Recordings wait for their names")),
            (self._sweep_open, Complaint(log, "What a crash left of recordings is not swept up")),
            (self._index, Complaint(log, "Recordings wait for their index")),
            (self._also, Complaint(log, "What else goes with recordings fails")),
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recording-index", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Commit what is there, and end the thread. What does not get its row now gets it at the next start."""
        self._stopped.set()
        self._thread.join(timeout_s)

    def commit(self, finished: Finished) -> None:
        """Take a segment that is whole under its temporary name."""
        with self._lock:
            self._finished.append(finished)
            lost = self._finished.popleft() if len(self._finished) > MAX_WAITING else None
        if lost is not None:  # it is swept up as what a crash left
            self._drops.count(lost.segment.camera_id, "record_index_late")

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_S):
            self._pass()
        self._pass()

    def _pass(self) -> None:
        for step, complaint in self._steps:
            try:
                step()
            except Exception as error:  # noqa: BLE001  # whatever it is, the next pass is another try
                complaint.failed(error)
            else:
                complaint.well()

    def _name_files(self) -> None:
        with self._lock:
            finished = list(self._finished)
        if not finished:
            return
        _sync_disk(self._media)
        unnamed, failure = [], None
        for whole in finished:
            try:
                is_named = self._name(whole.open_path, whole.segment.path)
            except OSError as error:  # one folder that cannot be written must not keep the others waiting
                unnamed.append(whole)
                failure = error
                continue
            if is_named:
                self._rows.append(replace(whole.segment, init_bytes=self._init_bytes(whole.segment.path)))
        self._bound_rows()
        done = {whole.open_path for whole in finished} - {whole.open_path for whole in unnamed}
        with self._lock:
            self._finished = deque(whole for whole in self._finished if whole.open_path not in done)
        if failure is not None:
            raise failure

    def _init_bytes(self, path: str) -> int | None:
        try:
            return header_bytes(self._media / path)
        except BrokenSegmentError:  # it vanished; whoever wants it is told so
            return None

    def _name(self, open_path: str, path: str) -> bool:
        target = self._media / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(self._media / open_path, target)
        except FileNotFoundError:
            if target.exists():  # another process of this machine took it for abandoned
                return True
            log.error("%s has vanished before it was whole", open_path)
            return False
        return True

    def _sweep_open(self) -> None:
        if time.monotonic() - self._swept_s < SWEEP_INTERVAL_S:
            return
        self._swept_s = time.monotonic()
        with self._lock:
            ours = {whole.open_path for whole in self._finished}
        for camera_id in self._cameras():
            for path in open_segment_paths(self._media, camera_id):
                if path not in ours and is_abandoned(self._media / path):
                    self._salvage(path)

    def _salvage(self, open_path: str) -> None:
        try:
            target = whole_segment_path(open_path)
            if (self._media / target).exists() or not repair(self._media / open_path):
                (self._media / open_path).unlink(missing_ok=True)  # not one picture of it is whole
                return
        except BrokenSegmentError as error:
            log.warning("Left alone: %s", error)
            return
        if self._name(open_path, target):
            self._unindexed.append(target)
            log.info("Repaired what was left of %s", target)

    def _index(self) -> None:
        if len(self._unindexed) - len(self._unreadable) < FILES_PER_BATCH:
            self._unindexed += self._search.find(self._cameras(), FILES_PER_BATCH)
        for _ in range(min(FILES_PER_BATCH, len(self._unindexed))):
            self._read(self._unindexed.popleft())
        while self._rows:
            batch = [self._rows[i] for i in range(min(ROWS_PER_BATCH, len(self._rows)))]
            self._store.add(batch)
            late_s = time.time() - LATE_S
            late = [s.path for s in batch if s.retention_class == "continuous" and s.ended_at < late_s]
            if late:
                self._store.mark_near_events(late)
            for _ in batch:
                self._rows.popleft()

    def _read(self, path: str) -> None:
        try:
            self._rows.append(read_segment(self._media, path, self._node))
        except (BrokenSegmentError, FileNotFoundError) as error:
            log.warning("Not indexed: %s", error)
        except OSError as error:  # it may pass: no file left, a disk that does not answer
            if path not in self._unreadable:
                log.warning("%s cannot be read yet: %s", path, error)
            if path in self._unreadable or len(self._unreadable) < MAX_UNREADABLE:
                self._unreadable.add(path)
                self._unindexed.append(path)
            return
        self._unreadable.discard(path)

    def _bound_rows(self) -> None:
        while len(self._rows) > MAX_WAITING:
            lost = self._rows.popleft()
            self._search.go_back_to(lost)
            self._drops.count(lost.camera_id, "record_index_late")


def _sync_disk(folder: Path) -> None:
    """One call for all files (syncfs(2)): a hundred cameras finish 25 segments a second."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
    finally:
        os.close(descriptor)
