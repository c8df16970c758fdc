"""Backups on a schedule."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict

from core import keys
from core.clock import SystemClock
from core.redis_client import connect_redis
from core.settings import get_settings
from storage.backup.schedule import BusyError, make_due
from tasks.application import app

log = logging.getLogger(__name__)


@app.task(name="backups.make_due")
def make_due_backup() -> None:
    """Make a backup where one is due, and say in Redis, for health, how the backups stand."""
    settings = get_settings()
    try:
        outcome = make_due(settings, SystemClock())
    except BusyError as error:
        log.debug("%s", error)  # the one at work says how it went
        return
    with connect_redis(settings) as client:
        client.set(keys.BACKUP, json.dumps(asdict(outcome)))
