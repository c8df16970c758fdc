"""Queue `jobs`: copies of media in object storage."""

from __future__ import annotations

import json
import logging
import threading

import redis

from core import keys
from core.clock import SystemClock
from core.errors import UnavailableError
from core.redis_client import connect_redis
from core.settings import Settings, get_settings
from storage.database import Database
from storage.media import Media
from storage.objects.archive import ObjectArchive
from storage.objects.store import ObjectStore
from tasks.application import app

log = logging.getLogger(__name__)

MOST_FILES = 200
"""Bounds one step of a pass."""
PASS_S = 50.0

_at_work = threading.Lock()


@app.task(name="objects.follow", acks_late=True)
def follow() -> None:
    """Look after the media of this machine, unless its `camrec media` does."""
    settings = get_settings()
    if settings.node_url is None:
        copy_media(settings)


def copy_media(settings: Settings) -> None:
    """One bounded pass over the media of this machine: copy what is due, let go of local files whose time is over.
    And delete copies whose owner is gone."""
    objects = ObjectStore.of(settings)
    # A pass may last longer than the schedule: two would copy the same files, and leave no thread for clips.
    if objects is None or not _at_work.acquire(blocking=False):
        return
    try:
        _pass(settings, objects)
    finally:
        _at_work.release()


def _pass(settings: Settings, objects: ObjectStore) -> None:
    clock = SystemClock()
    database, media = Database(settings), Media(settings.media_dir, settings.node)
    archive = ObjectArchive(settings, database, media, objects)
    try:
        end_s = clock.monotonic() + PASS_S
        done, fault = 1, None
        while done and fault is None and clock.monotonic() < end_s:
            done, fault = _steps(archive, clock)
        fault = fault or archive.fault
        if fault is not None:
            log.warning("media wait to be copied: %s", fault)
        _say(settings, archive, clock.now(), fault)
    finally:
        database.close()


def _steps(archive: ObjectArchive, clock: SystemClock) -> tuple[int, str | None]:
    """How many files were done, and what stood in the way: of one step, which keeps no other from being done."""
    done, fault = 0, None
    for step in (archive.upload, archive.evict, lambda _, limit: archive.delete_orphans(limit)):
        try:
            done += step(clock.now(), MOST_FILES)
        except UnavailableError as error:
            fault = str(error)
    return done, fault


def _say(settings: Settings, archive: ObjectArchive, now: float, fault: str | None) -> None:
    """For `health`."""
    try:
        said = {"at": now, "fault": fault, "backlog": archive.backlog(now), "stored_bytes": archive.stored_bytes()}
        with connect_redis(settings) as client:
            client.hset(keys.OBJECTS, settings.node, json.dumps(said))
    except (redis.RedisError, UnavailableError) as error:
        log.debug("state of object storage not told: %s", error)
