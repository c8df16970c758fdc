"""What goes into the bucket, what may then leave the disk, and what must leave the bucket.

The database says what there is: an upload that broke off, a message that was lost and a pass that was killed cost
nothing, the next pass does what is left. A local file is deleted only after its copy was seen in the bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, delete, exists, func, select, update
from sqlalchemy import String as Text

from core.settings import Settings
from storage.database import Database
from storage.media import Media, clip_files, snapshot_files
from storage.media_removals import lies_on, note_removals, remove_files
from storage.models import ClipRow, EventRow, MediaObjectRow, SegmentRow
from storage.objects.store import ObjectStore

STORED, AWAY, MISSING = "stored", "away", "missing"
"""The copy is there and the file, too; the copy only; the file was gone before it could be copied."""

MOST_UNREADABLE = 1000
"""Where so many are left out, the disk is at fault, and not a file."""

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Due:
    """Files of one owner that have no copy yet."""

    kind: str
    owner: str
    paths: tuple[str, ...]


def is_away(path: Any) -> ColumnElement[bool]:
    """SQL: whether the file of this path is in the bucket only."""
    return exists().where(MediaObjectRow.path == path, MediaObjectRow.state == AWAY)


class ObjectArchive:
    """Copies the media of this machine into the bucket."""

    def __init__(self, settings: Settings, database: Database, media: Media, objects: ObjectStore) -> None:
        self._settings, self._database, self._media, self._objects = settings, database, media, objects
        self._unreadable: dict[Due, str] = {}
        """What was left out, and why; it stays due, for an archive that is made later."""

    @property
    def fault(self) -> str | None:
        """Which files could not be read, for people."""
        if not self._unreadable:
            return None
        *_, (due, why) = self._unreadable.items()
        return (
            f"{len(self._unreadable)} clips, events or recordings cannot be read here; the last: {due.paths[0]}: {why}"
        )

    def upload(self, now: float, limit: int) -> int:
        """Copy the files of at most so many clips, events and recordings that are due.

        Those with a file that cannot be read are left out, and keep nobody from the others.

        Returns:
            How many files were copied, or belong to what was left out.

        Raises:
            UnavailableError: the bucket or the database cannot be used now; the rest stays due.
        """
        count = 0
        if len(self._unreadable) >= MOST_UNREADABLE:
            return count
        readable = (due for due in self._due(now, limit + len(self._unreadable)) if due not in self._unreadable)
        for due in islice(readable, limit):
            try:
                # Noted together: an owner counts as copied when all of its files are.
                copies = [self._copy(due, path, now) for path in due.paths]
            except OSError as error:
                self._unreadable[due] = error.strerror or str(error)
            else:
                with self._database.write() as session:
                    for copy in copies:
                        session.merge(copy)
            count += len(due.paths)
        return count

    def evict(self, now: float, limit: int) -> int:
        """Delete at most so many local files whose copies are old enough; returns how many.

        Raises:
            UnavailableError: the database cannot be used now.
        """
        if self._settings.s3_local_days is None:
            return 0
        before_s, node = now - self._settings.s3_local_days * _DAY_S, self._settings.node
        made_anew = [
            exists().where(
                MediaObjectRow.kind == kind,
                row.id == MediaObjectRow.owner,
                row.changed_at > MediaObjectRow.stored_at,
            )
            for kind, row in (("clip", ClipRow), ("event", EventRow))
        ]
        query = select(MediaObjectRow.path).where(
            MediaObjectRow.state == STORED,
            MediaObjectRow.stored_at < before_s,
            lies_on(node, MediaObjectRow.node),
            *(~one for one in made_anew),
        )
        with self._database.read() as session:
            paths = list(session.scalars(query.order_by(MediaObjectRow.stored_at).limit(limit)))
        if paths:
            # The row first: whoever looks in between finds the file or the copy.
            with self._database.write() as session:
                session.execute(update(MediaObjectRow).where(MediaObjectRow.path.in_(paths)).values(state=AWAY))
                note_removals(session, ((node, path) for path in paths))
            remove_files(self._database, self._media, node, paths)
        return len(paths)

    def delete_orphans(self, limit: int) -> int:
        """Delete at most so many copies whose clip, event or recording is gone; returns how many.

        Raises:
            UnavailableError: the bucket or the database cannot be used now; the rest stays due.
        """
        # The owner is cast, not the rows' ids, whose indexes would be of no use; in a CASE, or PostgreSQL might
        # cast that of a clip.
        segment_id = case((MediaObjectRow.kind == "segment", cast(MediaObjectRow.owner, BigInteger)))
        owned = [
            exists().where(MediaObjectRow.kind == kind, row.id == owner)
            for kind, row, owner in (
                ("clip", ClipRow, MediaObjectRow.owner),
                ("event", EventRow, MediaObjectRow.owner),
                ("segment", SegmentRow, segment_id),
            )
        ]
        query = select(MediaObjectRow.path).where(*(~one for one in owned)).limit(limit)
        with self._database.read() as session:
            paths = list(session.scalars(query))
        if paths:
            self._objects.delete(paths)
            with self._database.write() as session:
                session.execute(delete(MediaObjectRow).where(MediaObjectRow.path.in_(paths)))
        return len(paths)

    def backlog(self, now: float) -> int:
        """How many clips, events and recordings of this machine wait to be copied."""
        with self._database.read() as session:
            return sum(
                session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
                for _, query, _ in self._waiting(now)
            )

    def stored_bytes(self) -> int:
        """What the copies take in the bucket."""
        query = select(func.coalesce(func.sum(MediaObjectRow.size_bytes), 0))
        with self._database.read() as session:
            return int(session.scalar(query) or 0)

    def _due(self, now: float, limit: int) -> Iterator[Due]:
        for kind, query, files in self._waiting(now):
            with self._database.read() as session:
                found = session.execute(query.limit(limit)).all()
            for owner, path in found:
                yield Due(kind, str(owner), tuple(files(path)))

    def _waiting(self, now: float) -> Iterator[tuple[str, Select[Any, Any], Callable[[str], list[str]]]]:
        """Kind, what waits to be copied (owner and path, the oldest first), and the files that belong to a path."""
        clips = select(ClipRow.id, ClipRow.path).where(ClipRow.state == "done", ClipRow.path.is_not(None))
        # A clip of an event that went on is made anew, under its old name.
        of_this_one = MediaObjectRow.stored_at >= ClipRow.changed_at
        clips = clips.order_by(ClipRow.changed_at)
        yield "clip", self._without_copy("clip", ClipRow, clips, of_this_one), clip_files
        events = select(EventRow.id, EventRow.snapshot.label("path"))
        # A picture of an event that goes on may still be exchanged for a better one, seldom that of one that has ended.
        unchanged = (MediaObjectRow.stored_at >= EventRow.changed_at) | (MediaObjectRow.state != STORED)
        events = events.where(EventRow.snapshot.is_not(None), EventRow.ended_at.is_not(None))
        events = events.order_by(EventRow.changed_at)
        yield "event", self._without_copy("event", EventRow, events, unchanged), snapshot_files
        days = self._settings.s3_segments_days
        if days is not None:
            segments = select(SegmentRow.id, SegmentRow.path).where(SegmentRow.ended_at < now - days * _DAY_S)
            segments = segments.order_by(SegmentRow.ended_at)
            yield "segment", self._without_copy("segment", SegmentRow, segments), _itself

    def _without_copy(self, kind: str, row: Any, query: Select[Any, Any], *counts: Any) -> Select[Any, Any]:
        has_copy = exists().where(MediaObjectRow.kind == kind, MediaObjectRow.owner == cast(row.id, Text), *counts)
        return query.where(~has_copy, lies_on(self._media.node, row.node))

    def _copy(self, due: Due, path: str, now: float) -> MediaObjectRow:
        try:
            size_bytes, state = self._objects.put(path, self._media.locate(path)), STORED
        except FileNotFoundError:  # e.g. older than plain pictures
            size_bytes, state = 0, MISSING
        return MediaObjectRow(
            path=path,
            kind=due.kind,
            owner=due.owner,
            size_bytes=size_bytes,
            state=state,
            stored_at=now,
            node=self._media.node,
        )


def _itself(path: str) -> list[str]:
    return [path]
