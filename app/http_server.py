"""HTTP servers: gunicorn, one process with many threads, for an application of Flask."""

from __future__ import annotations

import logging
import socket
import struct
import sys
from datetime import timedelta
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from core.garbage import forget_start

REQUEST_ID = "X-Request-ID"

STOP_S = 4
"""Time for answers under way when the process is told to stop; streams end at once."""

SOCKET_TIMEOUT_S = 10
"""A client that neither sends nor reads for so long loses its connection: it would hold a thread for ever."""

_TIMEVAL = struct.pack("ll", SOCKET_TIMEOUT_S, 0)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Threads that no client can hold for ever."""

    wsgi: Flask

    def load_wsgi(self) -> None:
        """Make the application, the last step before requests are taken."""
        super().load_wsgi()
        forget_start()

    def enqueue_req(self, conn: TConn) -> None:
        """Take a request."""
        # Options of the socket itself: gunicorn sets Python's own time limit back before each request.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            conn.sock.setsockopt(socket.SOL_SOCKET, option, _TIMEVAL)
        super().enqueue_req(conn)


class Log(Logger):  # type: ignore[misc]
    """Gunicorn's lines among ours."""

    def setup(self, cfg: Any) -> None:
        """Leave where lines go to `core.log`."""
        self.cfg = cfg
        self.error_log.propagate = self.access_log.propagate = True
        self.error_log.setLevel(max(logging.WARNING, logging.getLogger().level))

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """One line a request. Without the query string: it may hold a token."""
        request_id = next((value for name, value in resp.headers if name.lower() == REQUEST_ID.lower()), "-")
        self.access_log.info(
            "%s %s %s %s %s in %.0f ms [%s]",
            environ.get("REMOTE_ADDR", "-"),
            req.method,
            req.path,
            resp.status_code,
            resp.sent,
            request_time / timedelta(milliseconds=1),
            request_id,
        )

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """A failure with its traceback, but for clients that ran into the time limit."""
        if isinstance(sys.exception(), BlockingIOError):
            self.info("A client neither sent nor read for %d s: disconnected", SOCKET_TIMEOUT_S)
        else:
            super().exception(msg, *args, **kwargs)

    def reopen_files(self) -> None:
        """There are none."""


class HttpServer(BaseApplication):  # type: ignore[misc]
    """Serves an application until SIGTERM. Subclasses make it, in `load`."""

    worker_class = Worker

    def __init__(self, name: str, host: str, port: int, threads: int) -> None:
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._options = {
            "bind": address,
            "workers": 1,  # counters, login limits and the cap on streams are those of the one process
            "worker_class": self.worker_class,
            "threads": threads,
            "worker_connections": 1000 + threads,
            "graceful_timeout": STOP_S,
            "logger_class": Log,
            "control_socket_disable": True,
            "proc_name": name,
        }
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its settings."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application, in the process that serves it: threads and connections survive no fork."""
        raise NotImplementedError
