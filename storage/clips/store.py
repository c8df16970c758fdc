"""Clips in the database: who asked for what, how far it is, where it lies."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from sqlalchemy import Update, func, select, tuple_, update

from core.types import EVENT_NAMESPACE
from storage.clips.cut import Gap
from storage.database import Database, insert_or
from storage.media import clip_files, clip_path
from storage.media_removals import cancel_removals, note_removals
from storage.models import ClipRow

ClipVariant = Literal["copy", "timestamp", "boxes"]
CLIP_VARIANTS: tuple[ClipVariant, ...] = get_args(ClipVariant)
"""As it was recorded; encoded anew with the time drawn on it; with what events saw, too."""
ClipState = Literal["queued", "running", "done", "failed", "cancelled"]
CLIP_STATES: tuple[ClipState, ...] = get_args(ClipState)
MOST_ATTEMPTS = 3
SILENT_S = 60.0
"""A clip that is being made and without a sign of life for so long has lost its worker."""
RETRY_SHARE = 0.1
"""Of the time that a clip has waited for something to pass: until it is tried again."""
UNFINISHED: tuple[ClipState, ...] = ("queued", "running")

Position = tuple[float, str]
"""When the last clip of a page was asked for, and its id."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that is made, or was."""

    id: str
    camera_id: int
    from_s: float
    to_s: float
    event_id: str | None = None
    variant: str = "copy"
    state: ClipState = "queued"
    progress: float = 0.0
    """0 to 1."""
    path: str | None = None
    """Below the media folder."""
    size_bytes: int | None = None
    node: str | None = None
    """On whose disk it lies."""
    gaps: tuple[Gap, ...] = ()
    error: str | None = None
    attempts: int = 0
    """Times that a worker began to make it."""
    created_by: str | None = None
    created_at: float = 0.0
    changed_at: float = 0.0


def new_clip_id() -> str:
    """For a clip that somebody asks for."""
    return str(uuid.uuid4())


def event_clip_id(event_id: str, variant: str = "copy") -> str:
    """The id of an event's clip: one for each event and variant, however often it is asked for."""
    name = f"clip/{event_id}" if variant == "copy" else f"clip/{event_id}/{variant}"
    return str(uuid.uuid5(EVENT_NAMESPACE, name))


def files_of(clip: Clip) -> list[str]:
    """Its files, as paths below the media folder."""
    return [] if clip.path is None else clip_files(clip.path)


class ClipStore:
    """Rows of clips."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def ask(self, clip: Clip) -> Clip:
        """Store a clip that is to be made; one that has its id already is made anew, and its file stays until then."""
        now = self._now()
        asked = replace(clip, state="queued", progress=0.0, error=None, attempts=0, created_at=now, changed_at=now)
        with self._database.write() as session:
            statement = insert_or(session, ClipRow).values(**_values(asked))
            changed = {k: v for k, v in statement.excluded.items() if k not in {"id", "path", "size_bytes", "node"}}
            upsert = statement.on_conflict_do_update(index_elements=["id"], set_=changed)
            return _clip(session.scalars(upsert.returning(ClipRow)).one())

    def get(self, clip_id: str) -> Clip | None:
        """One clip."""
        with self._database.read() as session:
            row = session.get(ClipRow, clip_id)
            return None if row is None else _clip(row)

    def page(
        self,
        before: Position | None,
        limit: int,
        *,
        camera_id: int | None = None,
        state: str | None = None,
        event_clips: bool = True,
    ) -> list[Clip]:
        """Clips, those asked for last first."""
        query = select(ClipRow)
        if before is not None:
            query = query.where(tuple_(ClipRow.created_at, ClipRow.id) < before)
        if camera_id is not None:
            query = query.where(ClipRow.camera_id == camera_id)
        if state is not None:
            query = query.where(ClipRow.state == state)
        if not event_clips:
            query = query.where(ClipRow.event_id.is_(None))
        query = query.order_by(ClipRow.created_at.desc(), ClipRow.id.desc()).limit(limit)
        with self._database.read() as session:
            return [_clip(row) for row in session.scalars(query)]

    def unfinished(self, *, drawn: bool, created_by: str | None = None) -> int:
        """How many clips that people asked for wait or are being made: not those that every event gets.

        Args:
            drawn: Those that are drawn on; else those that are copied.
            created_by: Only those of this user.
        """
        is_one = ClipRow.variant != "copy" if drawn else ClipRow.event_id.is_(None) & (ClipRow.variant == "copy")
        query = select(func.count()).select_from(ClipRow).where(ClipRow.state.in_(UNFINISHED), is_one)
        if created_by is not None:
            query = query.where(ClipRow.created_by == created_by)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def next_drawn(self) -> str | None:
        """Id of the clip that has waited the longest to be drawn on; those that something stands in the way of wait
        for `stalled`.
        """
        query = select(ClipRow.id).where(ClipRow.state == "queued", ClipRow.variant != "copy", ClipRow.error.is_(None))
        with self._database.read() as session:
            return session.scalar(query.order_by(ClipRow.created_at).limit(1))

    def count_by_state(self) -> dict[str, int]:
        """How many there are in each of `CLIP_STATES`."""
        query = select(ClipRow.state, func.count()).group_by(ClipRow.state)
        with self._database.read() as session:
            counts = {row[0]: int(row[1]) for row in session.execute(query)}
        return {state: counts.get(state, 0) for state in CLIP_STATES}

    def stalled(self, before_s: float, limit: int) -> list[str]:
        """Ids of unfinished clips without a sign of life since then: their message or their worker was lost, or
        something stood in their way (`put_back`).
        """
        query = select(ClipRow.id).where(ClipRow.state.in_(UNFINISHED), ClipRow.changed_at < before_s)
        with self._database.read() as session:
            return list(session.scalars(query.order_by(ClipRow.changed_at).limit(limit)))

    def begin(self, clip_id: str, node: str | None = None) -> Clip | None:
        """Take a clip to make it on that node.

        Returns:
            What the others want to see again of who makes it. None where it is made already, cancelled or removed,
            where another worker is at it and gives signs of life, or where it fails for having been begun
            `MOST_ATTEMPTS` times: what is in it may be what kills its workers.
        """
        is_silent = (ClipRow.state == "running") & (ClipRow.changed_at < self._now() - SILENT_S)
        taken = update(ClipRow).where(ClipRow.id == clip_id, (ClipRow.state == "queued") | is_silent)
        taken = taken.values(state="running", attempts=ClipRow.attempts + 1, changed_at=self._now(), error=None)
        with self._database.write() as session:
            row = session.scalar(taken.returning(ClipRow), execution_options={"populate_existing": True})
            if row is None:
                return None
            clip = _clip(row)
            # What was noted of an earlier one must not take this one, which gets its name.
            cancel_removals(session, node, clip_files(clip_path(clip.id, clip.from_s)))
        if clip.attempts > MOST_ATTEMPTS:
            self.failed(clip, f"Its worker ended {MOST_ATTEMPTS} times while making it; the log may say why.")
            return None
        return clip

    def alive(self, begun: Clip) -> bool:
        """Say that somebody is at it; False: it is not theirs any more. It was cancelled, removed, asked for anew, or
        given to another worker after a long silence.
        """
        return self._change_begun(begun)

    def progressed(self, begun: Clip, share: float) -> bool:
        """Note how far it is; False as for `alive`."""
        return self._change_begun(begun, progress=share)

    def done(self, begun: Clip, path: str, size_bytes: int, gaps: Sequence[Gap], node: str | None = None) -> bool:
        """It is whole, on the disk of that node; one made before, elsewhere, is deleted. False as for `alive`."""
        done = _of_begun(begun).values(
            state="done",
            progress=1.0,
            path=path,
            size_bytes=size_bytes,
            node=node,
            gaps=[[g.from_s, g.to_s, g.reason] for g in gaps],
            error=None,
            changed_at=self._now(),
        )
        with self._database.write() as session:
            row = session.get(ClipRow, begun.id)
            before = [] if row is None else [(row.node, file) for file in files_of(_clip(row))]
            if session.scalar(done.returning(ClipRow.id)) is None:
                return False
            note_removals(session, before)
            cancel_removals(session, node, clip_files(path))
            return True

    def failed(self, begun: Clip, reason: str) -> bool:
        """It cannot be made; False as for `alive`."""
        return self._change_begun(begun, state="failed", error=reason)

    def put_back(self, begun: Clip, reason: str) -> bool:
        """It cannot be made now, and this was no attempt: `stalled` finds it a minute later, then less and less often.
        False as for `alive`.
        """
        again_at = self._now() + max(0.0, RETRY_SHARE * (self._now() - begun.created_at) - SILENT_S)
        return self._change_begun(
            begun, state="queued", progress=0.0, error=reason, attempts=ClipRow.attempts - 1, changed_at=again_at
        )

    def cancel(self, clip_id: str) -> bool:
        """Have whoever makes it stop; False: there is nothing to stop."""
        cancelled = update(ClipRow).where(ClipRow.id == clip_id, ClipRow.state.in_(UNFINISHED))
        return self._change(cancelled, state="cancelled")

    def remove(self, clip_id: str) -> Clip | None:
        """Delete its row; returns what it was."""
        with self._database.write() as session:
            row = session.get(ClipRow, clip_id)
            if row is None:
                return None
            session.delete(row)
            clip = _clip(row)
            note_removals(session, ((clip.node, file) for file in files_of(clip)))
            return clip

    def _change_begun(self, begun: Clip, **values: Any) -> bool:
        return self._change(_of_begun(begun), **values)

    def _change(self, rows: Update, **values: Any) -> bool:
        with self._database.write() as session:
            changed = rows.values(**{"changed_at": self._now(), **values}).returning(ClipRow.id)
            return session.scalar(changed) is not None


def _of_begun(begun: Clip) -> Update:
    """SQL: a change of the clip, unless somebody else has begun it or asked for it since."""
    return update(ClipRow).where(
        ClipRow.id == begun.id,
        ClipRow.state == "running",
        ClipRow.attempts == begun.attempts,
        ClipRow.created_at == begun.created_at,
    )


def _values(clip: Clip) -> dict[str, Any]:
    return {**asdict(clip), "gaps": [[g.from_s, g.to_s, g.reason] for g in clip.gaps]}


def _clip(row: ClipRow) -> Clip:
    return Clip(
        id=row.id,
        camera_id=row.camera_id,
        from_s=row.from_s,
        to_s=row.to_s,
        event_id=row.event_id,
        variant=row.variant,
        state=next((s for s in CLIP_STATES if s == row.state), "failed"),
        progress=row.progress,
        path=row.path,
        size_bytes=row.size_bytes,
        node=row.node,
        gaps=tuple(Gap(*gap) for gap in row.gaps),
        error=row.error,
        attempts=row.attempts,
        created_by=row.created_by,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )
