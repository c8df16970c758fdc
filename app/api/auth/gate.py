"""The check before every request."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, g, request

from app.api.access import AccessTable
from app.api.blueprint import URL_TOKEN
from app.api.services import services
from storage.users import User


def install_gate(app: Flask, table: AccessTable) -> None:
    """Let no request pass whose caller may not make it; what the schemas think of it comes after."""

    @app.before_request
    def check_access() -> None:
        if request.endpoint is None:
            return  # no such address or method: 404 or 405 follows
        access = table[request.endpoint, request.method]
        url_token = request.args.get(URL_TOKEN) if request.method in {"GET", "HEAD"} else None
        g.access = access
        g.user = services().authenticator.check(access, _bearer(), url_token)


def current_user() -> User:
    """Who makes this request."""
    user: User = g.user
    return user


def rights_check() -> Callable[[], bool]:
    """A look, also after the request has ended, at whether its caller would still be let in."""
    authenticator, access, user = services().authenticator, g.access, current_user()
    return lambda: authenticator.may_still(access, user)


def _bearer() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
