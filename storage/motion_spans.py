"""When something moved before a camera, and when anybody looked: stretches of time in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from sqlalchemy import BigInteger, cast, func, select

from storage.database import Database, insert_or
from storage.models import MotionSpanRow
from storage.purged_cameras import purged_until
from storage.spans import Span, merged_spans

MotionKind = Literal["watched", "moving"]
MOTION_KINDS: tuple[MotionKind, ...] = get_args(MotionKind)
"""Somebody looked for motion; something moved."""

LONGEST_SPAN_S = 3600.0
"""What lasts longer goes on in another row: queries rely on it."""
MOST_SPANS = 2000
"""In an answer; a bar on a screen has no more points."""


@dataclass(frozen=True, slots=True)
class MotionSpan:
    """A stretch of time; it is known by its camera, kind and start, and grows while it goes on."""

    camera_id: int
    kind: MotionKind
    started_at: float
    """Seconds since the epoch."""
    ended_at: float


def step_of(from_s: float, to_s: float) -> float:
    """Pauses between spans that are no longer are not shown in a range of that length."""
    return (to_s - from_s) / MOST_SPANS


class MotionSpanStore:
    """Rows of spans."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, spans: Sequence[MotionSpan]) -> None:
        """Add spans, or let those grow that are there; each at most once in a call. Not of purged cameras."""
        if not spans:
            return
        with self._database.write() as session:
            until = purged_until(session, {span.camera_id for span in spans})
            wanted = [asdict(span) for span in spans if span.started_at >= until[span.camera_id]]
            if not wanted:
                return
            new = insert_or(session, MotionSpanRow)
            statement = new.on_conflict_do_update(
                index_elements=["camera_id", "kind", "started_at"], set_={"ended_at": new.excluded.ended_at}
            )
            session.connection().execute(statement, wanted)

    def between(self, camera_id: int, kind: MotionKind, from_s: float, to_s: float) -> list[Span]:
        """The stretches of ``from_s <= t < to_s``, in order and without overlaps: at most about `MOST_SPANS`.

        Those that are no further apart than `step_of` the range are one.
        """
        step_s = step_of(from_s, to_s)
        # Of a range of milliseconds there are more parts in an hour than an INTEGER of PostgreSQL can count.
        part = cast((MotionSpanRow.started_at - from_s) / step_s, BigInteger)
        first = func.min(MotionSpanRow.started_at)
        query = select(first, func.max(MotionSpanRow.ended_at)).where(
            MotionSpanRow.camera_id == camera_id,
            MotionSpanRow.kind == kind,
            MotionSpanRow.started_at > from_s - LONGEST_SPAN_S,
            MotionSpanRow.started_at < to_s,
            MotionSpanRow.ended_at > from_s,
        )
        with self._database.read() as session:
            found = [
                (started_at, ended_at) for started_at, ended_at in session.execute(query.group_by(part).order_by(first))
            ]
        return [(max(start, from_s), min(end, to_s)) for start, end in merged_spans(found, step_s)]
