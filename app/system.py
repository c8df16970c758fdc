"""The whole system on one machine: what `camrec up` starts, in which order."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.first_admin import ensure_admin
from app.gpus import usable_gpus
from app.ports import check_port_is_free
from app.redis_server import RedisServer
from app.supervisor import HEALTHY_AFTER_S, STATUS_FILE, Program, Supervisor
from core.errors import CamrecError
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES, JOB_QUEUES
from core.settings import Settings
from storage.database import Database
from storage.frames.store import open_frame_store
from storage.secrets import Secrets
from storage.users import UserStore

log = logging.getLogger(__name__)

RECOGNISING_NICENESS = 10
"""Recognition takes what the CPU has left: a frame that capture misses is lost, a batch that waits is not."""

ENGINES_S = 900.0
"""TensorRT may build engines that long before a worker's start fails."""

REDIS_START_S = 60.0
"""A big append-only file takes a while to load."""
_CAMREC = (sys.executable, "-P", "-m", "app.cli")
_WORKER = (*_CAMREC, "worker", "-Q")


class System:
    """Everything that runs on this machine, from `start` to `stop`."""

    def __init__(self, settings: Settings, output: IO[bytes] | None = None) -> None:
        self._settings = settings
        self._redis = RedisServer(settings) if settings.redis_url is None else None
        self.supervisor = Supervisor(settings.run_dir / STATUS_FILE, output)

    def start(self) -> str | None:
        """Start everything.

        Returns:
            The first administrator's password where one was generated just now.

        Raises:
            CamrecError: something that the rest stands on cannot be started.
        """
        check_port_is_free(self._settings.host, self._settings.port)
        if self._redis is not None:
            self._redis.configure()
            self.supervisor.start(Program("redis", self._redis.command, stops_last=True))
            self._redis.wait_until_ready(REDIS_START_S, lambda: self.supervisor.has_ended("redis"))
        Secrets.of(self._settings)
        database = Database(self._settings)
        try:
            database.migrate()
            password = ensure_admin(UserStore(database), self._settings)
        finally:
            database.close()
        for program in programs(self._settings):
            self.supervisor.start(program)
        for program in self.frames_workers():
            self.supervisor.start(program)
        return password

    def frames_workers(self) -> list[Program]:
        """What recognises: a worker for each GPU that works, or one for the CPU."""
        gpus: list[int | None] = [*self._gpus()]
        return [
            Program(
                f"worker-frames-{'cpu' if gpu is None else f'gpu{gpu}'}",
                [*_WORKER, ",".join(FRAME_QUEUES), *([] if gpu is None else ["--gpu", str(gpu)])],
                death_signal=signal.SIGKILL,
                niceness=RECOGNISING_NICENESS,
                healthy_after_s=HEALTHY_AFTER_S if self._settings.gpu_provider == "cuda" else ENGINES_S,
            )
            for gpu in gpus or [None]
        ]

    def _gpus(self) -> list[int]:
        """Those that get a worker. A sick one may keep us waiting, so all else runs and is watched meanwhile."""
        if self._settings.gpu is not None:
            return [self._settings.gpu]
        found: list[list[int]] = []
        trial = threading.Thread(target=lambda: found.append(usable_gpus()), name="gpus", daemon=True)
        trial.start()
        self.supervisor.run(until=lambda: not trial.is_alive())
        return found[0] if found else []

    def stop(self) -> None:
        """Stop everything and give the memory of the frame store back."""
        self.supervisor.stop()
        if self._redis is not None:
            self._redis.forget()
        open_frame_store(self._settings).discard()


def programs(settings: Settings) -> list[Program]:
    """What runs beside Redis and recognition: one process of each kind."""
    return [
        Program("api", [*_CAMREC, "api", "--host", settings.host, "--port", str(settings.port)]),
        Program("capture", [*_CAMREC, "capture"]),
        Program("worker-events", [*_WORKER, ",".join(EVENT_QUEUES)], death_signal=signal.SIGKILL),
        Program("worker-jobs", [*_WORKER, ",".join(JOB_QUEUES)], death_signal=signal.SIGKILL),
        Program("beat", [*_CAMREC, "beat"], death_signal=signal.SIGKILL),
        *([Program("media", [*_CAMREC, "media"])] if settings.node_url is not None else []),
    ]


@contextmanager
def sole_user_of(data: Path) -> Iterator[None]:
    """Hold the data folder's lock: two systems on one folder would tear each other's files.

    Raises:
        CamrecError: another `camrec up` runs on it, or the folder cannot be written.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures of people are nobody else's
        lock = (data / "camrec.lock").open("a+")
    except OSError as error:
        raise CamrecError(
            f"The data folder {data} cannot be used: {error.strerror}. Choose another with --data."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CamrecError(
                f"`camrec up` runs on {data} already (process {lock.read().strip() or 'unknown'}). "
                "Stop it first, or give this one another folder with --data."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
