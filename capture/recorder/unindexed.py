"""Finds files of recordings that have no row in the index: what a crash or a time without the database has left."""

from __future__ import annotations

import time
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from core.errors import UnavailableError
from storage.segment_files import camera_folder, hour_folder, whole_segment_paths
from storage.segments import Segment, SegmentStore

FILES_AT_ONCE = 1000
"""Of a camera: an hour has 900. With a new database there may be millions in all."""
AGAIN_S = 1800.0
"""So often all cameras are compared anew: another process of this machine may have died, and left files."""
_BACK_S = 3600.0
"""Files so much older than the newest row are compared, too; more than `AGAIN_S`."""


class UnindexedFiles:
    """Goes through the files of cameras in order of time, a part of each in turn."""

    def __init__(self, media: Path, node: str, store: SegmentStore) -> None:
        """Nothing is compared yet.

        Args:
            media: the media folder.
            node: name of this machine.
            store: the index.
        """
        self._media, self._node, self._store = media, node, store
        self._next: dict[int, str | None] = {}
        """Camera → path of the first file that is not compared yet; None: all are. Who waits longest comes first."""
        self._began_s = time.monotonic()

    def go_back_to(self, segment: Segment) -> None:
        """The file of this one gets no row for now."""
        camera_id = segment.camera_id
        if camera_id in self._next:
            self._next[camera_id] = min(self._next[camera_id] or segment.path, segment.path)

    def find(self, cameras: Collection[int], enough: int) -> list[str]:
        """Compare some more files.

        Args:
            cameras: whose.
            enough: with so many found, the other cameras wait for the next call.

        Returns:
            Paths below the media folder, at most ``enough`` and `FILES_AT_ONCE` more.

        Raises:
            UnavailableError: the database cannot be used now; the next call goes on here.
        """
        self._follow(cameras)
        found: list[str] = []
        for camera_id, start in list(self._next.items()):
            if len(found) >= enough:
                break
            if start is None:
                continue
            try:
                found += self._without_rows(camera_id, start)
            except UnavailableError:
                if not found:
                    raise
                break  # what was found is not found again
        return found

    def _follow(self, cameras: Collection[int]) -> None:
        is_time = time.monotonic() - self._began_s >= AGAIN_S
        if is_time:
            self._began_s = time.monotonic()
        self._next = {i: path for i, path in self._next.items() if i in cameras and not (is_time and path is None)}
        for camera_id in cameras:
            if camera_id not in self._next:  # all of them now: rows that are added meanwhile move the newest
                self._next[camera_id] = self._start_of(camera_id)

    def _without_rows(self, camera_id: int, start: str) -> list[str]:
        hour = start.removeprefix(f"{camera_folder(camera_id)}/")[: len("YYYYMMDD/HH")]
        paths = (path for path in whole_segment_paths(self._media, camera_id, hour) if path >= start)
        part = list(islice(paths, FILES_AT_ONCE + 1))
        found = self._store.without_rows(part[:FILES_AT_ONCE])
        del self._next[camera_id]  # to the end of those that wait
        self._next[camera_id] = part[FILES_AT_ONCE] if len(part) > FILES_AT_ONCE else None
        return found

    def _start_of(self, camera_id: int) -> str:
        newest = self._store.newest(camera_id, self._node)
        from_hour = "" if newest is None else hour_folder(newest.started_at - _BACK_S)
        return f"{camera_folder(camera_id)}/{from_hour}"
