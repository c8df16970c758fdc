"""What other machines may read: files of the media folder, each with a token for it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from flask import Flask, Response, request, send_file
from werkzeug.exceptions import HTTPException, NotFound, RequestedRangeNotSatisfiable, Unauthorized

from app.media_server.live import add_live_routes
from core.clock import Clock, SystemClock
from core.settings import Settings
from storage.fetched import version_of
from storage.media import Media
from storage.media_tokens import BadMediaTokenError, MediaTokens
from storage.node_files import FILES
from storage.secrets import Secrets

HEALTH = "/health"
_BEARER = "Bearer "


def create_media_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The WSGI application; it changes nothing."""
    app = Flask("app.media_server", static_folder=None)
    clock = clock or SystemClock()
    media = Media(settings.media_dir, settings.node)
    tokens = MediaTokens(Secrets.of(settings), clock)

    @app.before_request
    def check() -> None:
        if request.path == HEALTH:
            return
        header = request.headers.get("Authorization", "")
        try:
            tokens.check(header.removeprefix(_BEARER), request.path)
        except BadMediaTokenError as error:
            raise Unauthorized(f"This token is not taken: {error}.") from None

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response:
        """In one line, which the asking machine passes on."""
        response = Response(f"{error.description}\n", error.code, mimetype="text/plain")
        if isinstance(error, RequestedRangeNotSatisfiable):
            response.headers["Content-Range"] = f"bytes */{error.length}"
        return response

    @app.get(HEALTH)
    def health() -> dict[str, str]:
        return {"status": "ok", "node": settings.node}

    @app.get(f"{FILES}<path:path>")
    def file(path: str) -> Response:
        """A file, or the ranges of it that are asked for (RFC 9110 section 14)."""
        found = servable_file(media, path)
        try:
            return send_file(found, etag=version_of(found), conditional=True)
        except FileNotFoundError:  # it went just now
            raise NotFound from None

    add_live_routes(app, settings.media_dir, clock)
    return app


def servable_file(media: Media, path: str) -> Path:
    """Where a file of the media folder lies that is whole and no passing copy.

    Raises:
        NotFound: there is none, or the path leads out of the media folder.
    """
    try:
        found = media.locate(path)
        if any(part.startswith(".") for part in PurePosixPath(path).parts) or not found.is_file():
            raise NotFound
    except (ValueError, OSError):  # it leads out of the folder, or is no name of a file at all
        raise NotFound from None
    return found
