"""Queue `jobs`: what takes long and must not be lost."""

from __future__ import annotations

import logging
import socket

from core.clock import SystemClock
from core.settings import Settings, get_settings
from storage.clips.store import ClipStore, files_of
from storage.database import Database
from storage.events import EventStore
from storage.identities import IdentityStore
from storage.kept_frames import KeptFrameStore
from storage.media import Media, plain_snapshot_path
from storage.retention import expire_recordings
from storage.segments import SegmentStore
from tasks.application import app

log = logging.getLogger(__name__)

EXPIRE_BATCH = 500
PASS_S = 240.0
"""Bounds one pass, a little less than the time between two: the next one goes on where this one stopped."""

_DAY_S = 86_400.0


@app.task(name="jobs.expire_media", acks_late=True)
def expire_media() -> dict[str, int]:
    """Delete recordings of this machine, kept frames and events, with their pictures, that are older than settings
    say."""
    settings = get_settings()
    database = Database(settings)
    try:
        removed = expire(settings, database, SystemClock().now())
    finally:
        database.close()
    if any(removed.values()):
        log.info(
            "expired %(frames)d kept frames, %(events)d events, %(clips)d clips, %(sightings)d sightings "
            "and %(segments)d segments",
            removed,
        )
    return removed


def expire(settings: Settings, database: Database, now: float) -> dict[str, int]:
    """One bounded pass of retention; rows go first, so that no row points to a file that is gone."""
    media = Media(settings.media_dir)
    frames, events, clips = KeptFrameStore(database), EventStore(database), ClipStore(database)
    identities = IdentityStore(database)
    removed = {"frames": 0, "events": 0, "clips": 0, "sightings": 0}
    clock = SystemClock()
    end = clock.monotonic() + PASS_S
    while clock.monotonic() < end:
        old_frames = frames.expire(now - settings.frames_days * _DAY_S, EXPIRE_BATCH)
        media.remove(frame.path for frame in old_frames)
        old_events = events.expire(now - settings.events_days * _DAY_S, EXPIRE_BATCH)
        media.remove(p for e in old_events if e.snapshot for p in (e.snapshot, plain_snapshot_path(e.snapshot)))
        sightings, files = identities.expire(now - settings.reid_days * _DAY_S, EXPIRE_BATCH)
        media.remove(files)
        old_clips = clips.expire(now - settings.clips_days * _DAY_S, EXPIRE_BATCH)
        media.remove(path for clip in old_clips for path in files_of(clip))
        removed["clips"] += len(old_clips)
        removed["sightings"] += sightings
        removed["frames"] += len(old_frames)
        removed["events"] += len(old_events)
        if not old_frames and not old_events and not old_clips and not sightings:
            break
    removed["segments"] = expire_recordings(settings, SegmentStore(database), media, socket.gethostname(), now)
    return removed
