"""A shard's process, as its node sees it."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from multiprocessing.connection import Connection

from capture.shard import Message, run_shard
from core.settings import Settings


class ShardProcess:
    """Starts a shard and talks to it. Cameras, credentials and all, go through a pipe that only the two have."""

    def __init__(self, number: int, settings: Settings) -> None:
        """Start it.

        Must be called in the node's main thread: Linux ends the child with the *thread* that started it.
        """
        self.started_s = time.monotonic()
        # "spawn": FFmpeg, OpenCV and our own threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        theirs: Connection
        theirs, self._control = context.Pipe(duplex=False)
        self._process = context.Process(
            target=run_shard, args=(number, settings, theirs), name=f"capture-{number}", daemon=True
        )
        self._process.start()
        theirs.close()  # else the child's end would never be seen

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

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
        with contextlib.suppress(OSError):
            self._control.send(message)

    def request_stop(self) -> None:
        """Ask it to end."""
        self._control.close()

    def join(self, timeout_s: float) -> None:
        """Wait for its end; kill it after that time."""
        self._process.join(timeout_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(1.0)
        self._process.close()
