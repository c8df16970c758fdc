"""A small client of our own REST API, for the demo: it does what a user would do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 10.0


class ApiError(Exception):
    """The API refused, or cannot be reached."""


class ApiClient:
    """Calls the API as one user."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self._token: str | None = None

    def log_in(self, username: str, password: str) -> None:
        """Get a token for the calls that follow.

        Raises:
            ApiError: refused or unreachable.
        """
        self._token = self.call("POST", "/auth/token", {"username": username, "password": password})["access_token"]

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send JSON, get JSON.

        Raises:
            ApiError: refused or unreachable.
        """
        request = urllib.request.Request(  # noqa: S310  # our own http:// address
            self._base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        if self._token is not None:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise ApiError(f"{method} {path}: {error.code} {error.read()[:300].decode(errors='replace')}") from None
        except (OSError, ValueError) as error:
            raise ApiError(f"{method} {path}: {error}") from None
