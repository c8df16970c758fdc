"""Publishes recognition tasks by name: capture knows the queues, never the tasks' code."""

from __future__ import annotations

from collections.abc import Sequence

from celery import Celery

from core.celery_producer import make_producer
from core.recognitions import Recognition
from core.settings import Settings
from storage.frames.tokens import TOKEN_LIFETIME_S


class Publisher:
    """A Celery producer that gives up soon."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected before the first message."""
        self._settings = settings
        self._app: Celery | None = None

    def publish(self, recognition: Recognition, camera_ids: Sequence[int]) -> None:
        """Send one message with the tokens of several cameras.

        Raises:
            kombu.exceptions.OperationalError: the broker cannot be reached.
            UnavailableError: none is known.
        """
        if self._app is None:
            self._app = make_producer("camrec-capture", self._settings.resolve_redis_url())
        self._app.send_task(
            recognition.task,
            args=(list(camera_ids),),
            queue=recognition.queue,
            expires=TOKEN_LIFETIME_S,  # newer messages stand for these cameras then; workers count what expired
            ignore_result=True,
            retry=False,
        )

    def close(self) -> None:
        """Disconnect."""
        if self._app is not None:
            self._app.close()
