"""Media files as answers, whole or by ranges (RFC 9110 section 14)."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_file

from app.api.errors import ApiError

MP4 = "video/mp4"


def send_media(path: Path, mimetype: str, missing: ApiError, download_name: str | None = None) -> Response:
    """A file, or the ranges of it that the client asks for.

    Args:
        path: Where it lies.
        mimetype: What it is.
        missing: Raised where it is gone.
        download_name: What browsers are to save it as; None: they show it.
    """
    try:
        response = send_file(
            path,
            mimetype=mimetype,
            conditional=True,
            as_attachment=download_name is not None,
            download_name=download_name,
        )
    except FileNotFoundError:
        raise missing from None
    response.headers["Cache-Control"] = "private, no-cache"
    return response
