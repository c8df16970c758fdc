"""What happens around every request: its id, its figures, the headers of its answer."""

from __future__ import annotations

import re
import time
import uuid
from contextlib import ExitStack

from flask import Flask, Response, g, request

from app.api.services import services
from app.http_server import REQUEST_ID
from core.log import log_context

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Unless the route says otherwise. Answers are for whoever asked, now, and never for another site's page."""

_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def install_lifecycle(app: Flask) -> None:
    """Put it around every request of the application, those refused included."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get(REQUEST_ID, "")
        g.request_id = given if _GOOD_ID.fullmatch(given) else uuid.uuid4().hex
        g.started_at = time.monotonic()
        g.cleanup = ExitStack()
        g.cleanup.enter_context(log_context(request_id=g.request_id))

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers[REQUEST_ID] = g.request_id
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        rule = request.url_rule.rule if request.url_rule is not None else "none"
        services().requests.count(request.method, rule, response.status_code, time.monotonic() - g.started_at)
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        cleanup: ExitStack | None = g.pop("cleanup", None)
        if cleanup is not None:
            cleanup.close()
