"""Segments of recordings in the database: what was recorded when, and where it lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.orm import Session

from core.recognitions import RECORDING
from storage.camera import Recording
from storage.database import Database, insert_or
from storage.events import LONGEST_EVENT_S
from storage.media_removals import note_removals
from storage.models import CameraRow, EventRow, SegmentRow
from storage.objects.archive import is_away
from storage.purged_cameras import purged_until
from storage.spans import Span, merged_spans

RetentionClass = Literal["continuous", "event"]

LONGEST_SEGMENT_S = 300.0
"""No segment is longer: the recorder ends one whose camera sends no key frame, and queries rely on it."""
_ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of recorded stream. It begins with a key frame and is playable by itself."""

    camera_id: int
    started_at: float
    """Seconds since the epoch at which its first picture was taken."""
    ended_at: float
    """When the picture after its last one was, or would have been, taken."""
    duration_s: float
    """By the stream's own timestamps."""
    path: str
    """Below the media folder."""
    size_bytes: int
    codec: str
    """``h264`` or ``hevc``."""
    width: int
    height: int
    has_audio: bool
    run: str
    """Segments of one connection with the same codec parameters share it; their timestamps go on from file to file."""
    key_times: tuple[float, ...]
    """Of key frames, in seconds after the first picture; the first is 0."""
    retention_class: RetentionClass
    node: str = ""
    """Machine on whose disk it lies."""
    init_bytes: int | None = None
    """Before its first fragment; None: nobody has looked."""
    id: int = 0


class SegmentFile(NamedTuple):
    """What a player needs of a segment. A day of a camera has 20 000 of them: rows are read without ORM and JSON."""

    id: int
    started_at: float
    ended_at: float
    duration_s: float
    path: str
    run: str
    size_bytes: int
    init_bytes: int | None
    node: str


class SegmentStore:
    """Rows of segments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, segments: Iterable[Segment]) -> int:
        """Add rows for files that are whole on disk; a path that has a row already keeps it.

        What somebody else found on disk before its recorder said that it belongs to an event does so afterwards.
        Files of cameras that were purged meanwhile get none, and are deleted by their machine.

        Returns:
            How many were new.
        """
        found = list(segments)
        if not found:
            return 0
        with self._database.write() as session:
            until = purged_until(session, {segment.camera_id for segment in found})
            note_removals(session, ((s.node or None, s.path) for s in found if s.started_at < until[s.camera_id]))
            rows = [_values(s) for s in found if s.started_at >= until[s.camera_id]]
            if not rows:
                return 0
            new = _insert(session, rows)
            if new < len(rows):
                of_events = SegmentRow.path.in_([row["path"] for row in rows if row["retention_class"] == "event"])
                session.execute(update(SegmentRow).where(of_events).values(retention_class="event"))
            return new

    def renew(self, segment: Segment) -> None:
        """Describe a file that was mended; what belonged to an event still does."""
        of_this_path = SegmentRow.path == segment.path
        with self._database.write() as session:
            before = session.scalar(select(SegmentRow.retention_class).where(of_this_path))
            session.execute(delete(SegmentRow).where(of_this_path))
            _insert(session, [_values(replace(segment, retention_class="event") if before == "event" else segment)])

    def between(self, camera_id: int, from_s: float, to_s: float) -> list[Segment]:
        """Segments of a camera that hold something of ``from_s <= t < to_s``, in order."""
        query = select(SegmentRow).where(*_overlapping(camera_id, from_s, to_s)).order_by(SegmentRow.started_at)
        with self._database.read() as session:
            return [_segment(row) for row in session.scalars(query)]

    def files(self, camera_id: int, from_s: float, to_s: float, most: int | None = None) -> list[SegmentFile]:
        """As `between`, the first ``most``, and only what a player needs."""
        columns = (getattr(SegmentRow, name) for name in SegmentFile._fields)
        query = select(*columns).where(*_overlapping(camera_id, from_s, to_s)).order_by(SegmentRow.started_at)
        with self._database.read() as session:
            return [SegmentFile(*row) for row in session.execute(query.limit(most))]

    def place_of(self, segment_id: int) -> tuple[str, str] | None:
        """Where a segment lies: path, below the media folder, and node."""
        query = select(SegmentRow.path, SegmentRow.node).where(SegmentRow.id == segment_id)
        with self._database.read() as session:
            row = session.execute(query).first()
            return None if row is None else (row.path, row.node)

    def spans(self, camera_id: int, from_s: float, to_s: float) -> list[Span]:
        """The stretches of ``from_s <= t < to_s`` that are recorded, in order and without overlaps."""
        query = (
            select(SegmentRow.started_at, SegmentRow.ended_at)
            .where(*_overlapping(camera_id, from_s, to_s))
            .order_by(SegmentRow.started_at)
        )
        with self._database.read() as session:
            # Merged as they come: a month has half a million rows.
            rows = session.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE})
            found = merged_spans((row.started_at, row.ended_at) for row in rows)
        return [(max(start, from_s), min(end, to_s)) for start, end in found]

    def newest(self, camera_id: int, node: str | None = None) -> Segment | None:
        """The camera's latest segment, of those on a machine's disk where that is given."""
        query = select(SegmentRow).where(SegmentRow.camera_id == camera_id).order_by(SegmentRow.started_at.desc())
        if node is not None:
            query = query.where(SegmentRow.node == node)
        with self._database.read() as session:
            row = session.scalars(query.limit(1)).first()
            return None if row is None else _segment(row)

    def paths(self, camera_id: int, node: str) -> dict[str, int]:
        """Path → bytes of the segments of a camera on a machine's disk."""
        query = select(SegmentRow.path, SegmentRow.size_bytes)
        query = query.where(SegmentRow.camera_id == camera_id, SegmentRow.node == node, ~is_away(SegmentRow.path))
        with self._database.read() as session:
            return {row.path: row.size_bytes for row in session.execute(query)}

    def count(self, node: str) -> int:
        """How many lie on a machine."""
        query = select(func.count()).select_from(SegmentRow).where(SegmentRow.node == node)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def node_of(self, path: str) -> str | None:
        """On which machine a file lies, as far as its row says; None: it has none."""
        with self._database.read() as session:
            return session.scalar(select(SegmentRow.node).where(SegmentRow.path == path))

    def without_rows(self, paths: Sequence[str]) -> list[str]:
        """Those of some hundred paths that no row names, in order."""
        with self._database.read() as session:
            known = set(session.scalars(select(SegmentRow.path).where(SegmentRow.path.in_(paths))))
        return [path for path in paths if path not in known]

    def without_init_bytes(self, camera_id: int, node: str) -> list[str]:
        """Paths of the segments of a camera on a machine of which `Segment.init_bytes` is not known."""
        query = select(SegmentRow.path).where(SegmentRow.camera_id == camera_id, SegmentRow.node == node)
        with self._database.read() as session:
            return list(session.scalars(query.where(SegmentRow.init_bytes.is_(None))))

    def set_init_bytes(self, found: Mapping[str, int]) -> None:
        """Path → `Segment.init_bytes` of segments that are there."""
        if not found:
            return
        with self._database.write() as session:
            query = update(SegmentRow).where(SegmentRow.path == bindparam("of_path"))
            session.connection().execute(
                query.values(init_bytes=bindparam("size")),
                [{"of_path": path, "size": size} for path, size in found.items()],
            )

    def camera_ids(self, node: str) -> set[int]:
        """Cameras that have segments on a machine."""
        with self._database.read() as session:
            return set(session.scalars(select(SegmentRow.camera_id).where(SegmentRow.node == node).distinct()))

    def forget(self, paths: Sequence[str]) -> None:
        """Delete the rows of files that are gone."""
        with self._database.write() as session:
            session.execute(delete(SegmentRow).where(SegmentRow.path.in_(paths)))

    def mark_near_events(self, paths: Sequence[str]) -> int:
        """What got its row long after the events near it were written belongs to them all the same.

        Returns:
            How many segments changed.
        """
        recording = Recording()
        pre_s, post_s = (
            func.coalesce(_of_its_camera(column), usual_s)
            for column, usual_s in (
                (CameraRow.recording_pre_s, recording.pre_s),
                (CameraRow.recording_post_s, recording.post_s),
            )
        )
        is_near_event = exists().where(
            EventRow.camera_id == SegmentRow.camera_id,
            EventRow.recognition != RECORDING,
            EventRow.started_at > SegmentRow.started_at - LONGEST_EVENT_S,
            EventRow.started_at < SegmentRow.ended_at + pre_s,
            func.coalesce(EventRow.ended_at, EventRow.changed_at) + post_s > SegmentRow.started_at,
        )
        query = update(SegmentRow).where(
            SegmentRow.path.in_(paths), SegmentRow.retention_class == "continuous", is_near_event
        )
        query = query.values(retention_class="event").execution_options(synchronize_session=False)
        with self._database.write() as session:
            return len(session.scalars(query.returning(SegmentRow.id)).all())

    def mark_event(self, camera_id: int, from_s: float, to_s: float) -> int:
        """What was recorded in a range belongs to an event and stays as long; returns how many segments changed."""
        query = update(SegmentRow).where(
            *_overlapping(camera_id, from_s, to_s), SegmentRow.retention_class == "continuous"
        )
        with self._database.write() as session:
            return len(session.scalars(query.values(retention_class="event").returning(SegmentRow.id)).all())


def _of_its_camera(column: Any) -> Any:
    """SQL: of the camera of a segment; NULL where it was removed."""
    return select(column).where(CameraRow.id == SegmentRow.camera_id).correlate(SegmentRow).scalar_subquery()


def _insert(session: Session, rows: list[dict[str, Any]]) -> int:
    """How many are new."""
    statement = insert_or(session, SegmentRow).on_conflict_do_nothing(index_elements=["path"]).returning(SegmentRow.id)
    # One statement for all rows, and no ORM: a fraction of the time.
    return len(session.connection().execute(statement, rows).all())


def _overlapping(camera_id: int, from_s: float, to_s: float) -> tuple[Any, ...]:
    return (
        SegmentRow.camera_id == camera_id,
        SegmentRow.started_at > from_s - LONGEST_SEGMENT_S,
        SegmentRow.started_at < to_s,
        SegmentRow.ended_at > from_s,
    )


def _values(segment: Segment) -> dict[str, Any]:
    values = asdict(segment)
    del values["id"]
    return {**values, "key_times": list(segment.key_times)}


def _segment(row: SegmentRow) -> Segment:
    return Segment(
        camera_id=row.camera_id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_s=row.duration_s,
        path=row.path,
        size_bytes=row.size_bytes,
        codec=row.codec,
        width=row.width,
        height=row.height,
        has_audio=row.has_audio,
        run=row.run,
        key_times=tuple(row.key_times),
        retention_class="event" if row.retention_class == "event" else "continuous",
        node=row.node,
        init_bytes=row.init_bytes,
        id=row.id,
    )
