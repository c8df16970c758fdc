"""Who may call what: every route declares its role, and one check before every request enforces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from flask import Flask

from storage.users import ROLES, Role

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller of a route needs."""

    role: Role | None
    """The least role, or `PUBLIC`."""
    url_token: bool = False
    """Whether a short-lived token in the URL will do: pictures and streams, which browsers fetch without headers."""
    playback_token: bool = False
    """Whether the token that a playlist puts into its URLs will do: players fetch its segments for hours."""
    metrics_token: bool = False
    """Whether the fixed token for metrics will do."""


PUBLIC: Final = None
"""The role of those who are not logged in."""


class UndeclaredRouteError(Exception):
    """A route says not who may call it. The programmer's mistake: the application does not start."""


def allows(access: Access, role: Role) -> bool:
    """Whether somebody of that role may call the route."""
    return access.role is None or ROLES.index(role) >= ROLES.index(access.role)


def declare(access: Access) -> Callable[[F], F]:
    """Decorator: who may call this view. Kept in smorest's ``_apidoc``, which its own decorators hand on."""

    def decorator(view: F) -> F:
        view._apidoc = {**getattr(view, "_apidoc", {}), "access": access}  # type: ignore[attr-defined]
        return view

    return decorator


AccessTable = dict[tuple[str, str], Access]
"""Endpoint and method → what is needed."""


def access_table(app: Flask) -> AccessTable:
    """What every route of the application needs, whoever registered it.

    Raises:
        UndeclaredRouteError: one does not say; the text names it.
    """
    table: AccessTable = {}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        for method in rule.methods or ():
            access = _declared(view, method)
            if access is None:
                raise UndeclaredRouteError(f"{method} {rule.rule} ({rule.endpoint}) declares no role.")
            table[rule.endpoint, method] = access
    return table


def _declared(view: Callable[..., Any], method: str) -> Access | None:
    view_class = getattr(view, "view_class", None)
    if view_class is not None:
        name = "get" if method == "HEAD" else method.lower()
        view = getattr(view_class, name, None) or view
    access: Access | None = getattr(view, "_apidoc", {}).get("access")
    return access
