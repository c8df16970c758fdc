"""The whole system on one machine: what `camrec up` starts, in which order."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.first_admin import ensure_admin
from app.ports import check_port_is_free
from app.redis_server import RedisServer
from app.supervisor import Program, Supervisor
from core.errors import CamrecError
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES, JOB_QUEUES
from core.redis_client import connect_redis
from core.settings import Settings
from storage.database import Database
from storage.frames.store import FrameStore
from storage.secrets import Secrets
from storage.users import UserStore

log = logging.getLogger(__name__)

RECOGNISING_NICENESS = 10
"""Recognition takes what the CPU has left: a frame that capture misses is lost, a batch that waits is not."""

REDIS_START_S = 60.0
"""A big append-only file takes a while to load."""


class System:
    """Everything that runs on this machine, from `start` to `stop`."""

    def __init__(self, settings: Settings, output: IO[bytes] | None = None) -> None:
        self._settings = settings
        self._redis = RedisServer(settings) if settings.redis_url is None else None
        self.supervisor = Supervisor(settings.run_dir / "supervisor.json", output)

    def start(self) -> str | None:
        """Start everything.

        Returns:
            The first administrator's password where one was generated just now.

        Raises:
            CamrecError: something that the rest stands on cannot be started.
        """
        check_port_is_free(self._settings.host, self._settings.port)
        if self._redis is None:
            connect_redis(self._settings).close()  # a wrong URL is refused here; one that is down now may come later
        if self._redis is not None:
            self._redis.configure()
            self.supervisor.start(Program("redis", self._redis.command, stops_last=True))
            self._redis.wait_until_ready(REDIS_START_S, lambda: self.supervisor.has_ended("redis"))
        Secrets(self._settings.data)
        database = Database(self._settings)
        try:
            database.migrate()
            password = ensure_admin(UserStore(database), self._settings)
        finally:
            database.close()
        for program in programs(self._settings):
            self.supervisor.start(program)
        return password

    def stop(self) -> None:
        """Stop everything and give the memory of the frame store back."""
        self.supervisor.stop()
        if self._redis is not None:
            self._redis.forget()
        shutil.rmtree(FrameStore(self._settings).folder, ignore_errors=True)


def programs(settings: Settings) -> list[Program]:
    """What runs beside Redis: a frames worker for each GPU, or one for the CPU, and one process of each other kind."""
    camrec = [sys.executable, "-P", "-m", "app.cli"]
    worker = [*camrec, "worker", "-Q"]
    gpus = [settings.gpu] if settings.gpu is not None else available_gpus()
    frames = [
        Program(
            f"worker-frames-{'cpu' if gpu is None else f'gpu{gpu}'}",
            [*worker, ",".join(FRAME_QUEUES), *([] if gpu is None else ["--gpu", str(gpu)])],
            death_signal=signal.SIGKILL,
            niceness=RECOGNISING_NICENESS,
        )
        for gpu in (gpus or [None])
    ]
    return [
        Program("api", [*camrec, "api", "--host", settings.host, "--port", str(settings.port)]),
        Program("capture", [*camrec, "capture"]),
        *frames,
        Program("worker-events", [*worker, ",".join(EVENT_QUEUES)], death_signal=signal.SIGKILL),
        Program("worker-jobs", [*worker, ",".join(JOB_QUEUES)], death_signal=signal.SIGKILL),
        Program("beat", [*camrec, "beat"], death_signal=signal.SIGKILL),
    ]


def available_gpus() -> list[int | None]:
    """NVIDIA GPUs that the driver shows on this machine (CUDA_VISIBLE_DEVICES narrows them)."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return list(range(len([v for v in visible.split(",") if v.strip() not in {"", "-1"}])))
    return list(range(len(list(Path("/proc/driver/nvidia/gpus").glob("*")))))


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
