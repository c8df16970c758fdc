"""A real Redis server of a test's own: it can be killed and comes back on the same port."""

from __future__ import annotations

import secrets
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import redis

from app.ports import free_port
from app.redis_server import find_redis_binary
from tests.support.waiting import wait_until


class RedisProcess:
    """A server with a password and no files, on loopback unless told otherwise."""

    def __init__(self, folder: Path, address: str = "127.0.0.1", prefix: Sequence[str] = ()) -> None:
        """``prefix``: of the command, e.g. to run it in a network namespace that has the address."""
        self._port = free_port()
        self._address, self._prefix = address, prefix
        self._password = secrets.token_urlsafe(16)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://:{self._password}@{address}:{self._port}/0"

    def start(self) -> None:
        """Return when it answers."""
        config = self._folder / "redis.conf"
        options = {"bind": self._address, "port": self._port, "requirepass": self._password, "save": '""'}
        config.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
        self._process = subprocess.Popen(
            [*self._prefix, find_redis_binary(), config],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers, "Redis answers", 10.0)

    def kill(self) -> None:
        """As the kernel does it to a process that takes too much memory."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Its connections stay open, and nothing is answered until the block ends."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        """A client that a test closes."""
        return redis.Redis.from_url(self.url, socket_timeout=5.0)

    def __enter__(self) -> RedisProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
