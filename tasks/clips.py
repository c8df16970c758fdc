"""Queue `jobs`: clips. The database says which are wanted; a message only wakes, so a lost one costs seconds."""

from __future__ import annotations

import logging
from functools import cache

from core.clock import SystemClock
from core.recognitions import JOBS_QUEUE, MAKE_CLIP_TASK
from core.settings import get_settings
from storage.clips.events import EventClips
from storage.clips.maker import ClipMaker
from storage.clips.store import SILENT_S
from storage.database import Database
from tasks.application import app

log = logging.getLogger(__name__)

RECENT_S = 600.0
"""How long after its last change an event without a clip is looked at again."""

MOST_AT_ONCE = 200
"""Bounds one pass."""


@cache
def _database() -> Database:
    """One for the process: an engine for each clip costs 2 ms, and leaves 60 000 objects to the garbage collector."""
    return Database(get_settings())


@app.task(name=MAKE_CLIP_TASK, acks_late=True)
def make(clip_id: str) -> None:
    """Make a clip; what is made, cancelled or removed already, or being made, costs nothing."""
    clip = ClipMaker.of(get_settings(), _database(), SystemClock()).make(clip_id)
    if clip is not None:
        log.info("clip %s of camera %d: %s %s", clip.id, clip.camera_id, clip.state, clip.error or "")


@app.task(name="clips.follow", acks_late=True)
def follow() -> None:
    """Ask for the clips of events whose post-roll is in, and wake the makers of clips that stand still."""
    database, now = _database(), SystemClock().now()
    maker = ClipMaker.of(get_settings(), database, SystemClock())
    events = EventClips(database, maker.clips, maker.segments, maker.cameras)
    waiting = maker.clips.stalled(now - SILENT_S, MOST_AT_ONCE)
    waiting += [c.id for c in events.ask_for_new(events.without_clip(now - RECENT_S, MOST_AT_ONCE), now)]
    for clip_id in waiting:
        app.send_task(MAKE_CLIP_TASK, args=(clip_id,), queue=JOBS_QUEUE, retry=False)
