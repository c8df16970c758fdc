"""A shard's process, as its node sees it."""

from __future__ import annotations

import contextlib
import multiprocessing
import select
import time
from multiprocessing.connection import Connection

from capture.messages import Assign, Ended, Extend, Message, Remove
from capture.shard import run_shard
from core.settings import Settings


class ShardProcess:
    """Starts a shard and talks to it. Cameras, credentials and all, go through a pipe that only the two have."""

    def __init__(self, number: int, settings: Settings, holder: str, hardware: str | None) -> None:
        """Start it.

        Must be called in the node's main thread: Linux ends the child with the *thread* that started it.
        """
        self.started_s = time.monotonic()
        # "spawn": FFmpeg, OpenCV and our own threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        theirs: Connection
        theirs, self._control = context.Pipe()
        self._process = context.Process(
            target=run_shard, args=(number, settings, holder, hardware, theirs), name=f"capture-{number}", daemon=True
        )
        self._process.start()
        self._is_joined = False
        self._leaving: set[int] = set()
        """Cameras that were removed and whose streams may still run."""
        theirs.close()  # else the child's end would never be seen

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return not self._is_joined and self._process.is_alive()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None  # noqa: S101 - it was started
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended: negative for a signal, None while it runs."""
        return self._process.exitcode

    def send(self, message: Message) -> None:
        """Tell it something. Where it has just died nothing happens: whoever starts it anew tells it all again."""
        if isinstance(message, Remove):
            self._leaving.add(message.camera_id)
        elif isinstance(message, Assign):
            self._leaving.discard(message.camera.id)
        with contextlib.suppress(OSError):
            self._control.send(message)

    def extend(self, until_s: float) -> None:
        """Its cameras are leased until then. A shard that is stuck, so that the pipe is full, learns it later."""
        with contextlib.suppress(OSError, ValueError):
            if select.select((), (self._control,), (), 0)[1]:
                self._control.send(Extend(until_s))

    def ended(self) -> set[int]:
        """Cameras that were removed and whose streams have ended since the last call; all when it has ended."""
        said: set[int] = set()
        with contextlib.suppress(EOFError, OSError):
            while self._control.poll():
                message: Ended = self._control.recv()
                said.add(message.camera_id)
        ended = self._leaving & said if self.is_alive else set(self._leaving)
        self._leaving -= ended
        return ended

    def request_stop(self) -> None:
        """Ask it to end."""
        self._control.close()

    def join(self, timeout_s: float) -> None:
        """Wait for its end; kill it after that time."""
        self._process.join(timeout_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(1.0)
        self._is_joined = True
        with contextlib.suppress(ValueError):  # not even dead by now: it waits for a disk that hangs
            self._process.close()
