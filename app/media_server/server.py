"""The HTTP server of `camrec media`."""

from __future__ import annotations

from flask import Flask

from app.http_server import HttpServer
from app.media_server.application import create_media_app
from app.media_server.upkeep import Upkeep
from core.settings import Settings
from tasks.jobs import expire_media
from tasks.objects import copy_media

THREADS = 32
"""Those of every machine that reads from this one: each has at most `storage.node_files.MOST_AT_ONCE` requests."""


class MediaServer(HttpServer):
    """Serves the media folder until SIGTERM."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._settings = settings
        super().__init__("camrec-media", host, port, THREADS)

    def load(self) -> Flask:
        """Make the application, in the process that serves it: threads and connections survive no fork."""
        settings = self._settings
        Upkeep(settings, expire_media, lambda: copy_media(settings)).start()
        return create_media_app(settings)
