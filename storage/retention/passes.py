"""One bounded pass of retention. Rows go before files, so that no row points to a file that is gone; files are noted
as their rows go, so that none is left where the pass ends in between.
"""

from __future__ import annotations

from collections.abc import Callable

from core.settings import Settings
from storage.database import Database
from storage.fetched import FETCHED_S
from storage.media import Media
from storage.media_removals import noted_bytes, remove_files, remove_noted
from storage.retention.orphans import find_orphans
from storage.retention.room import missing_bytes
from storage.retention.rules import MEDIA_CLASSES, CameraScope, MediaClass, Retention, RetentionRuleStore
from storage.retention.shelves import EVENTS, MOTION, Shelf, Taken, clips_shelf, frames_shelf, segments_shelf

BATCH = 500
MAX_BATCHES = 20
"""Bounds one pass: the next one goes on where this one stopped."""
LADDER: tuple[MediaClass, ...] = ("continuous", "frame", "event", "clip")
"""Where room is short, the first go first; within a class by the cameras' priority, then by age."""
FETCHED_IN_NEED_S = 60.0
"""Where room is short, copies from a bucket go so long after they were wanted, before any recording does."""
_DAY_S = 86_400.0


class RetentionPass:
    """Deletes what has stayed long enough, of the media on one machine."""

    def __init__(self, settings: Settings, database: Database, media: Media, node: str) -> None:
        self._settings, self._database, self._media, self._node = settings, database, media, node
        self._shelves: dict[MediaClass, Shelf] = {
            "continuous": segments_shelf("continuous", node),
            "event": segments_shelf("event", node),
            "frame": frames_shelf(node),
            "clip": clips_shelf(node),
        }
        self._removed: dict[str, int] = {}

    def run(self, now: float) -> dict[str, int]:
        """Delete what is too old, what is too much for its camera or this machine, and what recording needs room for.

        Returns:
            How many of each class (of `MEDIA_CLASSES`) were deleted.

        Raises:
            UnavailableError: the database cannot be used now.
        """
        self._removed = dict.fromkeys(MEDIA_CLASSES, 0)
        remove_noted(self._database, self._media, self._node)
        self._media.forget_fetched(now - FETCHED_S)
        retention = Retention(self._settings, RetentionRuleStore(self._database).all())
        for media_class, shelf in self._shelves.items():
            for scope, days in retention.days(media_class):
                self._take_old(media_class, shelf, scope, now - days * _DAY_S)
            for scope, allowed in retention.bytes(media_class):
                excess = shelf.total_bytes(self._database, scope) - allowed
                self._take_bytes(media_class, scope, excess, for_room=False)
        self._keep_within_disk(retention, now)
        return self._removed

    def expire_events(self, now: float) -> int:
        """Delete events that are too old, with their pictures; returns how many."""
        retention = Retention(self._settings, RetentionRuleStore(self._database).all())
        self._removed = {"events": 0}
        for scope, days in retention.days("event"):
            self._take_old("events", EVENTS, scope, now - days * _DAY_S)
        return self._removed["events"]

    def expire_motion(self, now: float) -> int:
        """Delete spans of motion that are older than anything that their camera keeps; returns how many."""
        retention = Retention(self._settings, RetentionRuleStore(self._database).all())
        self._removed = {"motion": 0}
        for scope, days in retention.longest_days():
            self._take_old("motion", MOTION, scope, now - days * _DAY_S)
        return self._removed["motion"]

    def remove_orphans(self, now: float) -> int:
        """Delete files that no row names and nobody would keep; returns how many."""
        retention = Retention(self._settings, RetentionRuleStore(self._database).all())
        longest_days = max(days for _, days in retention.days("frame"))
        found = find_orphans(self._settings.media_dir, self._database, now, longest_days)
        return remove_files(self._database, self._media, self._node, found)

    def _take_old(self, name: str, shelf: Shelf, scope: CameraScope, before_s: float) -> None:
        self._repeat(name, lambda: shelf.take_older(self._database, self._node, scope, before_s, BATCH))

    def _keep_within_disk(self, retention: Retention, now: float) -> None:
        recordings_gb = self._settings.recordings_gb
        if recordings_gb is not None:
            scopes = list(retention.by_priority())
            used = sum(self._total_bytes(name, scope) for name in ("continuous", "event") for scope in scopes)
            self._climb(("continuous", "event"), scopes, used - recordings_gb * 1e9, for_room=True)
        if missing_bytes(self._settings.media_dir, self._settings.min_free):
            self._media.forget_fetched(now - FETCHED_IN_NEED_S)
        missing = missing_bytes(self._settings.media_dir, self._settings.min_free)
        if missing and not self._lets_go():
            # Dropping the rows of ever more files would make no room.
            missing -= noted_bytes(self._database, self._media, self._node, missing)
        self._climb(LADDER, list(retention.by_priority()), missing, for_room=True)

    def _lets_go(self) -> bool:
        """Whether the disk lets files be made and deleted: it may be read-only since an error."""
        probe = self._settings.media_dir / ".room"
        try:
            probe.touch()
            probe.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def _total_bytes(self, media_class: MediaClass, scope: CameraScope) -> int:
        return self._shelves[media_class].total_bytes(self._database, scope, on_disk=True)

    def _climb(
        self, classes: tuple[MediaClass, ...], scopes: list[CameraScope], excess_bytes: float, *, for_room: bool
    ) -> None:
        for media_class in classes:
            for scope in scopes:
                excess_bytes -= self._take_bytes(media_class, scope, excess_bytes, for_room=for_room)

    def _take_bytes(self, media_class: MediaClass, scope: CameraScope, excess_bytes: float, *, for_room: bool) -> int:
        taken_bytes = 0

        def take() -> Taken:
            nonlocal taken_bytes
            taken = self._shelves[media_class].take_bytes(
                self._database, self._node, scope, excess_bytes - taken_bytes, BATCH, for_room=for_room
            )
            taken_bytes += taken.size_bytes
            return taken

        if excess_bytes > 0:
            self._repeat(media_class, take)
        return taken_bytes

    def _repeat(self, name: str, take: Callable[[], Taken]) -> None:
        for _ in range(MAX_BATCHES):
            taken = take()
            remove_files(self._database, self._media, self._node, taken.files)
            self._removed[name] += taken.count
            if taken.count < BATCH:
                return
