"""Connections to PostgreSQL that do not wait for ever for a server that is gone, or frozen."""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 5.0
"""For a connection of the pool to show that its server still answers."""
_TCP = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""By which a statement under way learns that the server's host is gone (libpq; seconds, the last one ms)."""


def make_postgres_engine(url: URL, **pool: Any) -> Engine:
    """An engine with these arguments of the pool.

    How long a statement may take is not limited: indices are built and large tables counted. So each connection that
    is taken from the pool is tried first, with a limit that SQLAlchemy's own ``pool_pre_ping`` does not have.
    """
    engine = create_engine(url, connect_args={"connect_timeout": CONNECT_TIMEOUT_S, **_TCP}, **pool)

    @event.listens_for(engine, "checkout")
    def _on_checkout(connection: psycopg.Connection[Any], _record: object, _fairy: object) -> None:
        if not _answers(connection.pgconn):
            raise InvalidatePoolError

    return engine


def _answers(server: psycopg.pq.abc.PGconn) -> bool:
    """Whether an empty query comes back in time."""
    deadline_s, readable = time.monotonic() + ANSWER_TIMEOUT_S, select.poll()
    try:
        readable.register(server.socket, select.POLLIN)
        server.send_query(b"")
        while True:
            while server.is_busy():
                if not readable.poll(max(0.0, deadline_s - time.monotonic()) * 1000):
                    return False
                server.consume_input()
            if server.get_result() is None:
                return True
    except psycopg.Error:
        return False
