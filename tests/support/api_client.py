"""A client of the API inside the test's own process."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

BASE = "/api/v1"


def password_of(name: str) -> str:
    """The password of a test user."""
    return f"password-of-{name}"


class ApiClient:
    """Sends requests below `BASE`, with the token of a login where there was one."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._client = app.test_client()
        self.headers: dict[str, str] = {}

    def log_in(self, name: str, password: str) -> ApiClient:
        """Send every further request as that user."""
        answer = self.post("/auth/token", {"username": name, "password": password})
        assert answer.status_code == 200, answer.text
        self.headers["Authorization"] = f"Bearer {answer.get_json()['access_token']}"
        return self

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        """One request; ``body`` goes as JSON, bytes as they are but called JSON."""
        headers = {**self.headers, **options.pop("headers", {})}
        if isinstance(body, bytes):
            options |= {"data": body, "content_type": "application/json"}
        elif body is not None:
            options["json"] = body
        return self._client.open(BASE + path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        """Send GET."""
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Send POST."""
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: Any, **options: Any) -> TestResponse:
        """Send PUT."""
        return self.call("PUT", path, body, **options)

    def patch(self, path: str, body: Any, **options: Any) -> TestResponse:
        """Send PATCH."""
        return self.call("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        """Send DELETE."""
        return self.call("DELETE", path, **options)


def code_of(answer: TestResponse) -> tuple[int, str]:
    """Status and machine-readable code of a refusal, whose shape is checked."""
    body = answer.get_json()
    assert set(body) - {"errors"} == {"code", "status", "message", "request_id"}, body
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return answer.status_code, body["code"]
