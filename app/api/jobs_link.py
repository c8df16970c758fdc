"""How the API has workers do what takes long."""

from __future__ import annotations

import logging
import threading

from celery import Celery
from kombu.exceptions import OperationalError

from core.celery_producer import make_producer
from core.errors import UnavailableError
from core.recognitions import JOBS_QUEUE
from core.settings import Settings

log = logging.getLogger(__name__)


class JobsLink:
    """Wakes workers of the queue `jobs`, at the Redis that the settings name now."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._app: Celery | None = None

    def wake(self, task: str, *arguments: str) -> None:
        """Send a message. Best effort: what is to be done stands in the database, where beat's next pass finds it."""
        try:
            self._producer().send_task(task, args=arguments, queue=JOBS_QUEUE, ignore_result=True, retry=False)
        except (OperationalError, UnavailableError) as error:
            log.warning("%s waits for the next pass: %s", task, error)

    def _producer(self) -> Celery:
        url = self._settings.resolve_redis_url()
        with self._lock:
            if self._app is None or self._app.conf.broker_url != url:
                self._app = make_producer("camrec-api", url)
            return self._app
