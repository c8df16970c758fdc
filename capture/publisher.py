"""Publishes recognition tasks by name: capture knows the queues, never the tasks' code."""

from __future__ import annotations

from collections.abc import Sequence

from celery import Celery

from core.recognitions import Recognition
from core.settings import Settings
from storage.frames.tokens import TOKEN_LIFETIME_S

SOCKET_TIMEOUT_S = 2.0


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
            self._app = _make_app(self._settings)
        self._app.send_task(
            recognition.task,
            args=(list(camera_ids),),
            queue=recognition.queue,
            expires=TOKEN_LIFETIME_S,  # when its tokens have expired, newer messages stand for these cameras
            ignore_result=True,
            retry=False,
        )

    def close(self) -> None:
        """Disconnect."""
        if self._app is not None:
            self._app.close()


def _make_app(settings: Settings) -> Celery:
    app = Celery("camrec-capture", set_as_current=False)
    app.config_from_object("celeryconfig")
    app.conf.broker_url = settings.resolve_redis_url()
    app.conf.broker_connection_timeout = SOCKET_TIMEOUT_S
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": SOCKET_TIMEOUT_S,
        "max_retries": 0,  # kombu's own retries would hold the dispatcher for seconds; it has a circuit breaker
    }
    return app
