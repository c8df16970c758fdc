"""The API's HTTP server."""

from __future__ import annotations

import gc
from types import FrameType

from flask import Flask

from app.api.factory import create_app
from app.api.services import services
from app.http_server import HttpServer, Worker
from core.settings import Settings


class _ApiWorker(Worker):
    """Streams end when the process is to end."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        with self.wsgi.app_context():
            services().streams.close()
            services().event_bell.ring()  # feeds that wait for an event see that they are over
        super().handle_exit(sig, frame)


class Server(HttpServer):
    """Serves the API until SIGTERM."""

    worker_class = _ApiWorker

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._settings = settings
        super().__init__("camrec-api", host, port, settings.api_threads + settings.api_streams)

    def load(self) -> Flask:
        """Make the application, in the process that serves it: threads and connections survive no fork."""
        app = create_app(self._settings)
        # What is loaded now stays. A list of a thousand cameras makes so many objects that the collector would look
        # through all of it several times for each answer, and twice the time would be its.
        gc.collect()
        gc.freeze()
        return app
