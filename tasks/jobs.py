"""Queue `jobs`: what takes long and must not be lost."""

from __future__ import annotations

import logging

from core.clock import SystemClock
from core.settings import Settings, get_settings
from storage.database import Database
from storage.events import EventStore
from storage.kept_frames import KeptFrameStore
from storage.media import Media, plain_snapshot_path
from tasks.application import app

log = logging.getLogger(__name__)

EXPIRE_BATCH = 500
MAX_BATCHES_PER_PASS = 100
"""Bounds one pass: the next one goes on where this one stopped."""

_DAY_S = 86_400.0


@app.task(name="jobs.expire_media", acks_late=True)
def expire_media() -> dict[str, int]:
    """Delete kept frames and events, with their pictures, that are older than their settings say."""
    settings = get_settings()
    database = Database(settings)
    try:
        removed = expire(settings, database, SystemClock().now())
    finally:
        database.close()
    if any(removed.values()):
        log.info("expired %(frames)d kept frames and %(events)d events", removed)
    return removed


def expire(settings: Settings, database: Database, now: float) -> dict[str, int]:
    """One bounded pass of retention; rows go first, so that no row points to a file that is gone."""
    media = Media(settings.media_dir)
    frames, events = KeptFrameStore(database), EventStore(database)
    removed = {"frames": 0, "events": 0}
    for _ in range(MAX_BATCHES_PER_PASS):
        old_frames = frames.expire(now - settings.frames_days * _DAY_S, EXPIRE_BATCH)
        media.remove(frame.path for frame in old_frames)
        old_events = events.expire(now - settings.events_days * _DAY_S, EXPIRE_BATCH)
        media.remove(p for e in old_events if e.snapshot for p in (e.snapshot, plain_snapshot_path(e.snapshot)))
        removed["frames"] += len(old_frames)
        removed["events"] += len(old_events)
        if not old_frames and not old_events:
            break
    return removed
