"""Queue `jobs`: what takes long and must not be lost."""

from __future__ import annotations

import logging

from core.camera_counts import forget_removed_cameras
from core.clock import SystemClock
from core.redis_client import connect_redis
from core.settings import Settings, get_settings
from storage.cameras import CameraStore
from storage.database import Database
from storage.identities import IdentityStore
from storage.media import Media
from storage.media_removals import remove_files
from storage.retention.passes import RetentionPass
from storage.secrets import Secrets
from tasks.application import app

log = logging.getLogger(__name__)

EXPIRE_BATCH = 500
PASS_S = 240.0
"""Bounds one pass, a little less than the time between two: the next one goes on where this one stopped."""

_DAY_S = 86_400.0


@app.task(name="jobs.expire_media", acks_late=True)
def expire_media() -> dict[str, int]:
    """Delete media of this machine, events, motion and sightings, where settings and rules say it is time."""
    settings = get_settings()
    database = Database(settings)
    try:
        removed = expire(settings, database, SystemClock().now())
    finally:
        database.close()
    if any(removed.values()):
        log.info("expired %s", ", ".join(f"{count} {name}" for name, count in removed.items() if count))
    return removed


@app.task(name="jobs.forget_removed_cameras", acks_late=True)
def forget_cameras() -> int:
    """Remove the counters of cameras that are gone, and that frames under way brought back; returns how many."""
    settings = get_settings()
    database = Database(settings)
    try:
        with connect_redis(settings) as client:
            return forget_removed_cameras(client, CameraStore(database, Secrets.of(settings)).versions)
    finally:
        database.close()


def expire(settings: Settings, database: Database, now: float) -> dict[str, int]:
    """One bounded pass of retention."""
    media, clock = Media(settings.media_dir, settings.node), SystemClock()
    end = clock.monotonic() + PASS_S
    one_pass = RetentionPass(settings, database, media, settings.node)
    removed = {"events": one_pass.expire_events(now), "motion": one_pass.expire_motion(now), "sightings": 0}
    removed |= one_pass.run(now)
    removed["orphans"] = one_pass.remove_orphans(now)
    identities = IdentityStore(database)
    while clock.monotonic() < end:
        sightings, files = identities.expire(now - settings.reid_days * _DAY_S, EXPIRE_BATCH)
        remove_files(database, media, settings.node, files)
        removed["sightings"] += sightings
        if not sightings:
            break
    return removed
