"""Where media of each class stand, as far as retention is concerned: rows with a camera, times, bytes and files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from sqlalchemy import delete, func, or_, select, true

from storage.clips.store import UNFINISHED
from storage.database import Database
from storage.media import clip_files, snapshot_files
from storage.media_removals import note_removals
from storage.models import ClipRow, EventRow, FrameRow, MediaObjectRow, MotionSpanRow, SegmentRow
from storage.objects.archive import AWAY, is_away
from storage.retention.locks import locked
from storage.retention.rules import CameraScope


@dataclass(frozen=True, slots=True)
class Taken:
    """Rows that were deleted."""

    count: int
    size_bytes: int
    files: list[str]
    """Which they named, below the media folder. They are noted, and to be deleted now where they lie here."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Rows of one class. What a lock covers is never taken."""

    row: Any
    """The mapped class."""
    from_s: Any
    """Columns: what time it shows, how old it is, how large."""
    to_s: Any
    aged_s: Any
    size_bytes: Any
    path: Any
    files: Callable[[Any], list[str]]
    only: tuple[Any, ...] = ()
    places: tuple[Any, ...] = (true(),)
    """Where the files lie, the oldest first: a query each, since an OR of them would read and sort all rows."""

    def total_bytes(self, database: Database, scope: CameraScope, *, on_disk: bool = False) -> int:
        """Bytes of the cameras' rows, locked ones, too; ``on_disk``: without those that are in a bucket only."""
        held = (*self.only, scope.holds(self.row.camera_id))
        queries = [select(func.sum(self.size_bytes)).where(*held, place) for place in self.places]
        # Subtracted: a sum over those that are not away would read every row, and not an index alone.
        size_bytes = select(self.size_bytes).where(*held, or_(*self.places), self.path == MediaObjectRow.path)
        away = select(func.sum(size_bytes.scalar_subquery())).where(MediaObjectRow.state == AWAY)
        with database.read() as session:
            total_bytes = sum(int(session.scalar(query) or 0) for query in queries)
            return total_bytes - int(session.scalar(away) or 0) if on_disk else total_bytes

    def take_older(self, database: Database, node: str, scope: CameraScope, before_s: float, limit: int) -> Taken:
        """Delete at most ``limit`` of the oldest rows that are older than that.

        ``node``: this machine, on which files are of whose place nothing is known.
        """
        return self._take(database, node, self._oldest(scope).where(self.aged_s < before_s), limit, None)

    def take_bytes(
        self, database: Database, node: str, scope: CameraScope, excess_bytes: float, limit: int, *, for_room: bool
    ) -> Taken:
        """Delete at most ``limit`` of the oldest rows, until their files hold that many bytes.

        ``for_room``: only those whose files are on the disk; deleting what is in a bucket only would make none.
        """
        query = self._oldest(scope)
        return self._take(database, node, query.where(~is_away(self.path)) if for_room else query, limit, excess_bytes)

    def _oldest(self, scope: CameraScope) -> Any:
        camera_id = self.row.camera_id
        return select(self.row).where(*self.only, scope.holds(camera_id), self._is_free()).order_by(self.aged_s)

    def _is_free(self) -> Any:
        return ~locked(self.row.camera_id, self.from_s, self.to_s)

    def _take(self, database: Database, node: str, query: Any, limit: int, until_bytes: float | None) -> Taken:
        found: dict[Any, Any] = {}
        found_bytes = 0
        with database.read() as session:
            rows = chain.from_iterable(session.scalars(query.where(place).limit(limit)) for place in self.places)
            for row in islice(rows, limit):
                if until_bytes is not None and found_bytes >= until_bytes:
                    break
                found[row.id] = row
                found_bytes += self._bytes_of(row)
        if not found:
            return Taken(0, 0, [])
        # Asked again: somebody may have locked one meanwhile.
        taken = delete(self.row).where(self.row.id.in_(found), self._is_free()).returning(self.row.id)
        with database.write() as session:
            gone = [found[row_id] for row_id in session.scalars(taken)]
            note_removals(session, ((row.node or node, path) for row in gone for path in self.files(row)))
        return Taken(len(gone), sum(map(self._bytes_of, gone)), [path for row in gone for path in self.files(row)])

    @staticmethod
    def _bytes_of(row: Any) -> int:
        return getattr(row, "size_bytes", None) or 0


def segments_shelf(media_class: str, node: str) -> Shelf:
    """Recordings on the disk of one machine."""
    return Shelf(
        row=SegmentRow,
        from_s=SegmentRow.started_at,
        to_s=SegmentRow.ended_at,
        aged_s=SegmentRow.ended_at,
        size_bytes=SegmentRow.size_bytes,
        path=SegmentRow.path,
        files=lambda row: [row.path],
        only=(SegmentRow.retention_class == media_class, SegmentRow.node == node),
    )


def frames_shelf(node: str) -> Shelf:
    """Kept frames on the disk of one machine."""
    return Shelf(
        row=FrameRow,
        from_s=FrameRow.captured_at,
        to_s=FrameRow.captured_at,
        aged_s=FrameRow.captured_at,
        size_bytes=FrameRow.size_bytes,
        path=FrameRow.path,
        files=lambda row: [row.path],
        places=_here(node, FrameRow.node),
    )


def clips_shelf(node: str) -> Shelf:
    """Clips on the disk of one machine, and those that could not be made."""
    return Shelf(
        row=ClipRow,
        from_s=ClipRow.from_s,
        to_s=ClipRow.to_s,
        aged_s=ClipRow.created_at,
        size_bytes=ClipRow.size_bytes,
        path=ClipRow.path,
        files=lambda row: [] if row.path is None else clip_files(row.path),
        only=(ClipRow.state.not_in(UNFINISHED),),
        places=_here(node, ClipRow.node),
    )


def _here(node: str, column: Any) -> tuple[Any, ...]:
    """Of files that do not say where they lie, it is taken for granted; they are older than names of machines."""
    return column.is_(None), column == node


EVENTS = Shelf(
    row=EventRow,
    from_s=EventRow.started_at,
    to_s=func.coalesce(EventRow.ended_at, EventRow.changed_at),
    aged_s=EventRow.started_at,
    size_bytes=0,
    path=EventRow.snapshot,
    files=lambda row: snapshot_files(row.snapshot) if row.snapshot else [],
)
"""Of all machines, since they are more than their pictures. Those are small: they go by age only."""

MOTION = Shelf(
    row=MotionSpanRow,
    from_s=MotionSpanRow.started_at,
    to_s=MotionSpanRow.ended_at,
    aged_s=MotionSpanRow.started_at,
    size_bytes=0,
    path=None,
    files=lambda row: [],  # noqa: ARG005
)
"""They have no files, and go by age only."""
