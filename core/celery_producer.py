"""A Celery application that sends tasks by name and gives up soon: who sends them must not wait for the broker."""

from __future__ import annotations

from celery import Celery

SOCKET_TIMEOUT_S = 2.0


def make_producer(name: str, broker_url: str) -> Celery:
    """Nothing is connected before the first message. Safe for threads."""
    app = Celery(name, set_as_current=False)
    app.config_from_object("celeryconfig")
    app.conf.broker_url = broker_url
    app.conf.broker_connection_timeout = SOCKET_TIMEOUT_S
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": SOCKET_TIMEOUT_S,
        "max_retries": 0,  # kombu's own would hold the sender for seconds
    }
    return app
