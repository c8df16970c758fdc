"""Queue `jobs`: clips. The database says which are wanted; a message only wakes, so a lost one costs seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from functools import cache
from typing import cast

from core import keys
from core.clock import SystemClock
from core.recognitions import JOBS_QUEUE, MAKE_CLIP_TASK
from core.redis_client import connect_redis
from core.settings import get_settings
from storage.clips.events import EventClips
from storage.clips.maker import ClipMaker
from storage.clips.store import SILENT_S
from storage.database import Database
from tasks.application import app

log = logging.getLogger(__name__)

RECENT_S = 600.0
"""How long after its last change an event without a clip is looked at again and again."""

UNKNOWN_S = 86_400.0
"""How far back events are looked at where Redis does not know any more how far we were."""

MOST_AT_ONCE = 200
"""Bounds one pass."""

_drawing = threading.Lock()
"""Held while a clip is drawn on: that takes minutes of a core, and the worker's other threads make evidence."""


@cache
def _database() -> Database:
    """One for the process: an engine for each clip costs 2 ms, and leaves 60 000 objects to the garbage collector."""
    return Database(get_settings())


@cache
def _maker() -> ClipMaker:
    """One for the process: how much it reads from other machines at once is bounded for all of its threads."""
    return ClipMaker.of(get_settings(), _database(), SystemClock())


@app.task(name=MAKE_CLIP_TASK, acks_late=True)
def make(clip_id: str) -> None:
    """Make a clip; what is made, cancelled or removed already, or being made, costs nothing."""
    maker = _maker()
    clip = maker.clips.get(clip_id)
    if clip is None or clip.variant == "copy":
        _make(maker, clip_id)
    elif _drawing.acquire(blocking=False):  # else it waits in the database; who has the lock wakes it
        try:
            _make(maker, clip_id)
        finally:
            _drawing.release()
        waiting = maker.clips.next_drawn()
        _wake([] if waiting is None else [waiting])


@app.task(name="clips.follow", acks_late=True)
def follow() -> None:
    """Ask for the clips of events whose post-roll is in, and wake the makers of clips that stand still.

    Where no worker did so for hours, the events of that time get their turn all the same.
    """
    maker = _maker()
    now = maker.clock.now()
    events = EventClips(_database(), maker.clips, maker.segments, maker.cameras)
    with connect_redis(get_settings()) as client:
        said = cast("bytes | None", client.get(keys.CLIPS_FOLLOWED))
        followed_s = now - UNKNOWN_S if said is None else min(float(said), now)
        _wake(maker.clips.stalled(now - SILENT_S, MOST_AT_ONCE))
        waiting = events.without_clip(followed_s - RECENT_S, MOST_AT_ONCE)
        _wake(clip.id for clip in events.ask_for_new(waiting, now))
        client.set(keys.CLIPS_FOLLOWED, now if len(waiting) < MOST_AT_ONCE else waiting[-1].changed_at)


def _make(maker: ClipMaker, clip_id: str) -> None:
    clip = maker.make(clip_id)
    if clip is not None:
        log.info("clip %s of camera %d: %s %s", clip.id, clip.camera_id, clip.state, clip.error or "")


def _wake(clip_ids: Iterable[str]) -> None:
    for clip_id in clip_ids:
        app.send_task(MAKE_CLIP_TASK, args=(clip_id,), queue=JOBS_QUEUE, retry=False)
