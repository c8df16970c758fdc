"""The API's HTTP server: gunicorn, one process with many threads."""

from __future__ import annotations

import logging
import socket
import struct
import sys
from datetime import timedelta
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.api.factory import create_app
from app.api.lifecycle import REQUEST_ID
from app.api.services import services
from core.settings import Settings

STOP_S = 4
"""Time for answers under way when the process is told to stop; streams end at once."""

SOCKET_TIMEOUT_S = 10
"""A client that neither sends nor reads for so long loses its connection: it would hold a thread for ever."""

_TIMEVAL = struct.pack("ll", SOCKET_TIMEOUT_S, 0)


class _Worker(ThreadWorker):  # type: ignore[misc]
    """Threads that no client can hold for ever, and streams that end when the process is to end."""

    wsgi: Flask

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        with self.wsgi.app_context():
            services().streams.close()
            services().event_bell.ring()  # feeds that wait for an event see that they are over
        super().handle_exit(sig, frame)

    def enqueue_req(self, conn: TConn) -> None:
        # Options of the socket itself: gunicorn sets Python's own time limit back before each request.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            conn.sock.setsockopt(socket.SOL_SOCKET, option, _TIMEVAL)
        super().enqueue_req(conn)


class _Log(Logger):  # type: ignore[misc]
    """Gunicorn's lines among ours."""

    def setup(self, cfg: Any) -> None:
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


class Server(BaseApplication):  # type: ignore[misc]
    """Serves the API until SIGTERM."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._settings = settings
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        threads = settings.api_threads + settings.api_streams
        self._options = {
            "bind": address,
            "workers": 1,  # counters, login limits and the cap on streams are those of the one process
            "worker_class": _Worker,
            "threads": threads,
            "worker_connections": 1000 + threads,
            "graceful_timeout": STOP_S,
            "logger_class": _Log,
            "control_socket_disable": True,
            "proc_name": "camrec-api",
        }
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its settings."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application, in the process that serves it: threads and connections survive no fork."""
        return create_app(self._settings)
