"""Backups on a schedule."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict
from functools import partial

import redis

from core import keys
from core.clock import SystemClock
from core.errors import UnavailableError
from core.redis_client import connect_redis
from core.settings import Settings, get_settings
from storage.backup.schedule import BusyError, Outcome, make_due
from tasks.application import app

log = logging.getLogger(__name__)


@app.task(name="backups.make_due")
def make_due_backup() -> None:
    """Make a backup where one is due, and say in Redis, for health, how the backups stand."""
    settings = get_settings()
    try:
        _tell(settings, make_due(settings, SystemClock(), partial(_tell_begun, settings)))
    except BusyError as error:
        log.debug("%s", error)  # the one at work says how it went


def _tell_begun(settings: Settings, outcome: Outcome) -> None:
    with suppress(redis.RedisError, UnavailableError):  # no reason to make none
        _tell(settings, outcome)


def _tell(settings: Settings, outcome: Outcome) -> None:
    said = asdict(outcome)
    with connect_redis(settings) as client:
        if outcome.media_missing is None:  # of the newest it is known already, by who made it
            said["media_missing"] = json.loads(client.get(keys.BACKUP) or "{}").get("media_missing", 0)
        client.set(keys.BACKUP, json.dumps(said))
