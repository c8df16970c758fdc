"""``camrec api`` as a process, spoken to over TCP."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.ports import free_port
from tests.support.api_client import BASE, password_of
from tests.support.processes import Children
from tests.support.waiting import wait_until

ANSWER_TIMEOUT_S = 20.0


class ServedApi:
    """A running API and a login."""

    def __init__(self, children: Children) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] = children.start("api", "--port", str(self.port))
        self.token = ""
        wait_until(self._answers, "the API answers", 30.0)

    def log_in(self, name: str) -> None:
        """Send every further request as that user."""
        credentials = {"username": name, "password": password_of(name)}
        status, body = self.call("POST", "/auth/token", credentials)
        assert status == 200, body
        self.token = body["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        with self.opened(method, path, body) as answer:
            return answer.status, json.loads(answer.read() or b"null")

    @contextmanager
    def opened(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer that the block reads; after it the client is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_TIMEOUT_S)
        sent = {"Content-Type": "application/json", **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, BASE + path, None if body is None else json.dumps(body), sent)
            yield connection.getresponse()
        finally:
            connection.close()

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the API ended by itself"
        try:
            return self.call("GET", "/health")[0] == 200
        except OSError:
            return False


def messages(answer: http.client.HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and data of each server-sent event, as they come."""
    fields: dict[str, str] = {}
    while line := answer.readline():
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield fields["id"], json.loads(fields["data"])
            fields = {}
        else:
            fields = {}
