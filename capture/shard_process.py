"""A shard's process, as its node sees it."""

from __future__ import annotations

import contextlib
import multiprocessing
import select
import time
from collections import deque
from multiprocessing.connection import Connection

from capture.messages import Alive, Assign, Ended, Message, Remove
from capture.shard import run_shard
from core.settings import Settings

START_TIMEOUT_S = 60.0
"""A busy machine takes its time to load what a shard needs."""
_LONGEST_LOOK_S = 1.0
"""What passes between two looks counts for so much: a machine that was paused as a whole was not silent."""


class ShardProcess:
    """Starts a shard and talks to it. Cameras, credentials and all, go through a pipe that only the two have."""

    def __init__(self, number: int, settings: Settings, holder: str, hardware: str | None) -> None:
        """Start it.

        Must be called in the node's main thread: Linux ends the child with the *thread* that started it.
        """
        self.started_s = time.monotonic()
        self.silence_s = -START_TIMEOUT_S
        """How long nothing was heard of it, as of the last call of `ended`; below 0 while it may still start."""
        self._looked_s = self.started_s
        self._unsent: deque[Message] = deque()
        """What the pipe does not take yet: of a shard that starts, or that hangs, until it is killed."""
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
        """Tell it something, at once or when it listens: nobody waits for a shard that hangs.

        Where it has just died nothing happens: whoever starts it anew tells it all again.
        """
        if isinstance(message, Remove):
            self._leaving.add(message.camera_id)
        elif isinstance(message, Assign):
            self._leaving.discard(message.camera.id)
        self._unsent.append(message)
        self.flush()

    def flush(self) -> None:
        """Tell it what it would not hear before; call it now and then."""
        with contextlib.suppress(OSError):
            while self._unsent and select.select((), (self._control,), (), 0)[1]:
                self._control.send(self._unsent.popleft())

    def ended(self) -> set[int]:
        """Cameras that were removed and whose streams have ended since the last call; all when it has ended."""
        now_s, said = time.monotonic(), set[int]()
        self.silence_s += min(now_s - self._looked_s, _LONGEST_LOOK_S)
        self._looked_s = now_s
        with contextlib.suppress(EOFError, OSError):
            while self._control.poll():
                message: Alive | Ended = self._control.recv()
                self.silence_s = 0.0
                if isinstance(message, Ended):
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
