"""An installation on three hosts.

On ``a`` are Redis, PostgreSQL, the API and the event worker; ``b`` and ``c`` each capture and recognise, and keep their
media. The cameras are the test's own.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import urllib.request
from base64 import urlsafe_b64encode
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.demo.client import ApiClient, ApiError
from capture.camera_leases import nodes_of_cameras
from core import keys
from core.lease_table import LeaseTable
from core.recognitions import EVENT_QUEUES
from core.redis_client import connect_redis
from core.settings import Settings, load_settings
from storage.database import Database
from tests.support.namespaces import CAMERAS, HUB, NETWORK, Host, hosts
from tests.support.postgres_process import NoPostgresError, PostgresProcess
from tests.support.processes import CAMREC, Children, children
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

PASSWORD = "a-password-for-tests"
API_PORT, MEDIA_PORT = 15439, 15440
CAMERAS_ADDRESS = f"{CAMERAS}.{HUB}"
"""On which the test's cameras are to listen."""


class ThreeHosts:
    """Processes on hosts, and what is seen of them from the test's place on the network."""

    def __init__(self, folder: Path, made: list[Host], processes: Children, environ: dict[str, str]) -> None:
        self.a, self.b, self.c = made
        self._folder, self._processes, self._environ = folder, processes, environ
        self.settings: Settings = load_settings({**environ, "CAMREC_DATA": str(folder / "test")}, folder / "no.env")
        self.database = Database(self.settings)
        self._redis = connect_redis(self.settings)
        self.api = ApiClient(f"http://{self.a.address}:{API_PORT}/api/v1")
        self._token = ""
        self._running: dict[str, list[subprocess.Popen[bytes]]] = defaultdict(list)

    def start(self) -> None:
        """Everything; returns when the API answers and both capture nodes live."""
        self._start(self.a, "api", "--host", self.a.address)
        self._start(self.a, "worker", "-Q", ",".join(EVENT_QUEUES))
        self.start_media(self.a)
        for host in (self.b, self.c):
            self._start(host, "capture")
            self._start(host, "worker", "-Q", "plates", "-n", f"frames@{host.name}")
            self.start_media(host)
        wait_until(self._answers, "the API answers", 60.0)
        self.api.log_in("admin", PASSWORD)
        login = self.api.call("POST", "/auth/token", {"username": "admin", "password": PASSWORD})
        self._token = login["access_token"]
        wait_until(lambda: self.part("capture").get("nodes") == 2, "both capture nodes live", 30.0)

    def start_media(self, host: Host) -> None:
        """Serve what lies on a host."""
        self._start(host, "media")

    def kill(self, host: Host) -> None:
        """All that runs on a host, as when its power fails; its disk stays."""
        for process in self._running.pop(host.name):
            process.kill()
            process.wait(10.0)

    def part(self, name: str) -> dict[str, Any]:
        """Of the API's health."""
        try:
            found: dict[str, Any] = self.api.call("GET", "/health")["parts"][name]
        except (ApiError, KeyError):
            return {}
        return found

    def read(self, path: str) -> bytes:
        """What the API answers.

        Raises:
            urllib.error.HTTPError: it refuses.
        """
        request = urllib.request.Request(
            f"http://{self.a.address}:{API_PORT}/api/v1{path}", headers={"Authorization": f"Bearer {self._token}"}
        )
        with urllib.request.urlopen(request, timeout=10.0) as answer:  # noqa: S310  # our own http:// address
            content: bytes = answer.read()
        return content

    def counts(self) -> dict[str, int]:
        """Node → cameras that it holds."""
        holders = LeaseTable(self._redis, keys.CAPTURE_LEASES, "").exchange().holders
        return dict(Counter(nodes_of_cameras(holders).values()))

    def logs(self) -> str:
        """What all processes wrote."""
        return self._processes.logs()

    def _start(self, host: Host, *arguments: str) -> None:
        own = {
            "CAMREC_NODE": host.name,
            "CAMREC_DATA": str(self._folder / host.name),
            "CAMREC_NODE_URL": f"http://{host.address}:{MEDIA_PORT}",
            "CAMREC_PROCESS_NAME": f"{host.name}.{arguments[0]}",
        }
        command = host.command(*CAMREC, env={**self._environ, **own})
        self._running[host.name].append(self._processes.start(*arguments, command=command))

    def _answers(self) -> bool:
        try:
            self.api.call("GET", "/health")
        except ApiError as error:
            return "503" in str(error)
        return True


@contextmanager
def three_hosts(folder: Path) -> Iterator[ThreeHosts]:
    """The hosts with their servers; nothing of camrec runs yet. Skips the test where they cannot be had."""
    with ExitStack() as stack:
        made = stack.enter_context(hosts(("a", "b", "c")))
        try:
            postgres = PostgresProcess(network=NETWORK, prefix=made[0].command())
        except NoPostgresError as error:
            pytest.skip(str(error))
        stack.enter_context(postgres)
        servers = []
        for name in ("queues", "frames"):
            (folder / name).mkdir()
            servers.append(stack.enter_context(RedisProcess(folder / name, made[0].address, prefix=made[0].command())))
        environ = {
            "CAMREC_REDIS_URL": servers[0].url,
            "CAMREC_FRAMES_REDIS_URL": servers[1].url,
            "CAMREC_FRAME_TRANSPORT": "redis",
            "CAMREC_FRAME_MEMORY": "100MB",
            "CAMREC_DATABASE_URL": f"postgresql+psycopg://camrec@{made[0].address}:5432/postgres",
            "CAMREC_SECRET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CAMREC_ADMIN_PASSWORD": PASSWORD,
            "CAMREC_KEEP_FPS": "1",
        }
        found = ThreeHosts(folder, made, stack.enter_context(children(folder)), environ)
        stack.callback(lambda: sys.stdout.write(found.logs()))
        stack.callback(found.database.close)
        yield found
