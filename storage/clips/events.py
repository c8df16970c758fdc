"""The clip of an event: which stretch of time it shows, and when that is recorded."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import exists, select, tuple_

from core.recognitions import RECORDING
from core.types import Event
from storage.camera import Recording
from storage.cameras import CameraNotFoundError, CameraStore
from storage.clips.cut import SEAM_S
from storage.clips.store import Clip, ClipStore, event_clip_id
from storage.database import Database
from storage.events import StoredEvent, stored_event
from storage.models import CameraRow, ClipRow, EventRow, SegmentRow
from storage.segments import LONGEST_SEGMENT_S, SegmentStore

LONGEST_EVENT_CLIP_S = 600.0
"""Of an event that lasts longer the clip shows its beginning; `POST /clips` gives more."""

LONGEST_WAIT_S = 30.0
"""After this time without its last segment a clip shows what there is."""

_EVENTS_AT_ONCE = 500


class EventClips:
    """Clips of events."""

    def __init__(self, database: Database, clips: ClipStore, segments: SegmentStore, cameras: CameraStore) -> None:
        self._database = database
        self._clips = clips
        self._segments = segments
        self._cameras = cameras

    def wanted(self, event: Event, variant: str = "copy") -> Clip:
        """The clip that the event is to have, as its camera's pre- and post-roll say. Nothing is stored.

        An event that goes on is shown up to its best picture.
        """
        recording = self._recording(event.camera_id)
        from_s = event.started_at - recording.pre_s
        seen_until_s = event.best.captured_at if event.ended_at is None else event.ended_at
        to_s = min(max(seen_until_s, event.started_at) + recording.post_s, from_s + LONGEST_EVENT_CLIP_S)
        clip_id = event_clip_id(event.id, variant)
        return Clip(clip_id, event.camera_id, from_s, to_s, event_id=event.id, variant=variant)

    def is_recorded(self, clip: Clip, now: float) -> bool:
        """Whether its end is recorded, or will not be any more."""
        if now < clip.to_s:
            return False
        newest = self._segments.newest(clip.camera_id)
        return (newest is not None and newest.ended_at >= clip.to_s - SEAM_S) or now >= clip.to_s + LONGEST_WAIT_S

    def has_recording(self, clip: Clip) -> bool:
        """Whether anything of its time is recorded."""
        return bool(self._segments.spans(clip.camera_id, clip.from_s, clip.to_s))

    def ask_for_new(self, events: Iterable[StoredEvent], now: float) -> list[Clip]:
        """Ask for clips of those events whose recording is there and that have none yet."""
        asked = []
        for stored in events:
            clip = self.wanted(stored.event)
            if self.is_recorded(clip, now) and self.has_recording(clip):
                asked.append(self._clips.ask(clip))
        return asked

    def without_clip(self, since_s: float, limit: int) -> list[StoredEvent]:
        """Ended events of recorded cameras that changed since then, oldest change first: the first of those of whose
        time something is recorded, and that have no clip younger than their change.
        """
        found: list[StoredEvent] = []
        after = (since_s, "")
        while len(found) < limit and (page := self._recorded_events(after)):
            asked_at = self._asked_at([event_clip_id(stored.event.id) for stored in page])
            found += [s for s in page if asked_at.get(event_clip_id(s.event.id), 0.0) < s.changed_at]
            after = (page[-1].changed_at, page[-1].event.id)
        return found[:limit]

    def _recorded_events(self, after: tuple[float, str]) -> list[StoredEvent]:
        from_s = EventRow.started_at - CameraRow.recording_pre_s
        is_recorded = exists().where(
            SegmentRow.camera_id == EventRow.camera_id,
            SegmentRow.started_at > from_s - LONGEST_SEGMENT_S,
            SegmentRow.started_at < from_s + LONGEST_EVENT_CLIP_S,
            SegmentRow.started_at < EventRow.ended_at + CameraRow.recording_post_s,
            SegmentRow.ended_at > from_s,
        )
        query = (
            select(EventRow)
            .join(CameraRow, CameraRow.id == EventRow.camera_id)
            .where(
                tuple_(EventRow.changed_at, EventRow.id) > after,
                EventRow.ended_at.is_not(None),
                EventRow.recognition != RECORDING,
                CameraRow.recording_mode != "off",
                is_recorded,
            )
        )
        with self._database.read() as session:
            rows = session.scalars(query.order_by(EventRow.changed_at, EventRow.id).limit(_EVENTS_AT_ONCE))
            return [stored_event(row) for row in rows]

    def _asked_at(self, clip_ids: list[str]) -> dict[str, float]:
        query = select(ClipRow.id, ClipRow.created_at).where(ClipRow.id.in_(clip_ids))
        with self._database.read() as session:
            return {row.id: row.created_at for row in session.execute(query)}

    def _recording(self, camera_id: int) -> Recording:
        try:
            return self._cameras.get(camera_id).recording
        except CameraNotFoundError:
            return Recording()
