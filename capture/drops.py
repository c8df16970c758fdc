"""Frames that were not handed on, counted by camera and cause."""

from __future__ import annotations

import threading
from collections import Counter


class Drops:
    """Counters of one process; safe for threads.

    Causes: ``superseded`` (a token waits already and now stands for a newer frame), ``queue_full`` (no worker
    consumes), ``broker_down`` (no Redis), ``lease_lapsed`` (no Redis for so long that another node may have the
    camera), ``corrupt`` (damaged pictures), ``store`` (no room in the frame store, or it is away), ``still`` (held back
    since nothing moves, which is no loss). Of kept frames: ``keep_busy`` (the disk is too slow), ``disk_full``,
    ``disk_low``, ``keep_failed`` (see the log), ``rows_lost`` (the database was away for too long), and of motion
    ``motion_lost`` for the same reason. Of recordings: ``record_busy`` (the disk is too slow), ``record_disk_low``,
    ``record_disk_full``, ``record_no_key_frame`` (none has come yet), ``record_failed``; ``record_index_late`` (the
    database was away for too long, the file is found on disk later) is no loss.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_camera: dict[int, Counter[str]] = {}

    def count(self, camera_id: int, cause: str, frames: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._by_camera.setdefault(camera_id, Counter())[cause] += frames

    def of(self, camera_id: int) -> dict[str, int]:
        """Cause → frames, since this process has had the camera."""
        with self._lock:
            return dict(self._by_camera.get(camera_id, {}))

    def forget(self, camera_id: int) -> None:
        """The camera is gone."""
        with self._lock:
            self._by_camera.pop(camera_id, None)
