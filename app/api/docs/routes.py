"""``/``, ``/docs`` and ``/openapi.json``. Swagger UI comes with a Python package, so no page needs the internet."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, jsonify, redirect, send_from_directory
from flask_smorest import Api  # type: ignore[import-untyped]
from werkzeug.wrappers import Response as BaseResponse

from app.api.access import PUBLIC, Access, declare

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Swagger UI sets styles from its script and draws its icons from data URLs."""

OURS = Path(__file__).parent
ITS = Path(getattr(find_spec("swagger_ui"), "origin", "")).parent / "static"
"""In the wheel of swagger-ui-py, whose code is not imported."""
OUR_FILES = ("start.js",)
ITS_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")

_public = declare(Access(PUBLIC))


def make_docs(api: Api) -> Blueprint:
    """The routes that show what ``api`` documents."""
    blp = Blueprint("docs", __name__)

    @blp.get("/")
    @_public
    def home() -> BaseResponse:
        return redirect("/docs")

    @blp.get("/openapi.json")
    @_public
    def openapi() -> Response:
        return jsonify(api.spec.to_dict())

    @blp.get("/docs")
    @_public
    def page() -> Response:
        return send_from_directory(OURS, "index.html")

    @blp.get(f"/docs/<any({','.join(repr(name) for name in (*OUR_FILES, *ITS_FILES))}):name>")
    @_public
    def file(name: str) -> Response:
        return send_from_directory(OURS if name in OUR_FILES else ITS, name)

    @blp.after_request
    def allow_scripts(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return blp
