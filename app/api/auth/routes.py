"""Logging in."""

from __future__ import annotations

from typing import Any

from flask import request

from app.api.access import PUBLIC
from app.api.auth.gate import current_user
from app.api.auth.schemas import LoginSchema, TokenSchema, UrlTokenSchema
from app.api.blueprint import Blueprint
from app.api.services import services

blp = Blueprint("auth", __name__, "/api/v1/auth", "Logging in")


@blp.route("/token", methods=["POST"])
@blp.role(PUBLIC)
@blp.arguments(LoginSchema)
@blp.response(200, TokenSchema)
@blp.alt_response(401, "UNAUTHORIZED")
@blp.alt_response(429, "TOO_MANY_REQUESTS")
def log_in(login: dict[str, str]) -> dict[str, Any]:
    """Log in.

    The token goes into the header `Authorization: Bearer TOKEN` of every other request.
    """
    authenticator = services().authenticator
    token = authenticator.log_in(login["username"], login["password"], request.remote_addr or "")
    return {"access_token": token, "expires_in": authenticator.access_tokens.lifetime_s}


@blp.route("/stream-token", methods=["POST"])
@blp.role("viewer")
@blp.response(200, UrlTokenSchema)
def stream_token() -> dict[str, Any]:
    """Get a token for a URL.

    Browsers send no headers for pictures and event streams: put this token into their URL as `?access=TOKEN`. It opens
    only those, and only for a minute; a stream that has begun goes on.
    """
    signer = services().authenticator.url_tokens
    return {"access": signer.issue(current_user()), "expires_in": signer.lifetime_s}
