"""The clip of an event: which stretch of time it shows, and when that is recorded."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from core.recognitions import RECORDING
from core.types import Event
from storage.camera import Recording
from storage.cameras import CameraNotFoundError, CameraStore
from storage.clips.cut import SEAM_S
from storage.clips.store import Clip, ClipStore, event_clip_id
from storage.database import Database
from storage.events import event_of
from storage.models import CameraRow, ClipRow, EventRow
from storage.segments import SegmentStore

LONGEST_EVENT_CLIP_S = 600.0
"""Of an event that lasts longer the clip shows its beginning; `POST /clips` gives more."""

LONGEST_WAIT_S = 30.0
"""After this time without its last segment a clip shows what there is."""


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

    def ask_for_new(self, events: Iterable[Event], now: float) -> list[Clip]:
        """Ask for clips of those events whose recording is there and that have none yet."""
        asked = []
        for event in events:
            clip = self.wanted(event)
            if self.is_recorded(clip, now) and self.has_recording(clip):
                asked.append(self._clips.ask(clip))
        return asked

    def without_clip(self, since_s: float, limit: int) -> list[Event]:
        """Ended events of recorded cameras that changed since then, and have no clip younger than that change."""
        has_clip = select(ClipRow.id).where(
            ClipRow.event_id == EventRow.id, ClipRow.variant == "copy", ClipRow.created_at >= EventRow.changed_at
        )
        query = (
            select(EventRow)
            .join(CameraRow, CameraRow.id == EventRow.camera_id)
            .where(
                EventRow.changed_at >= since_s,
                EventRow.ended_at.is_not(None),
                EventRow.recognition != RECORDING,
                CameraRow.recording_mode != "off",
                ~has_clip.exists(),
            )
        )
        with self._database.read() as session:
            return [event_of(row) for row in session.scalars(query.order_by(EventRow.changed_at).limit(limit))]

    def _recording(self, camera_id: int) -> Recording:
        try:
            return self._cameras.get(camera_id).recording
        except CameraNotFoundError:
            return Recording()
