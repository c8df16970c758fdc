"""Cameras that keep the queue of a recognition just full: each offers a new frame as soon as its last one was taken."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from capture.dispatcher import Dispatcher
from capture.drops import Drops
from capture.publisher import Publisher
from core import keys
from core.parent_death import end_with_parent
from core.recognitions import RECOGNITIONS
from core.redis_client import connect_redis
from core.settings import get_settings
from core.types import Picture
from storage.frames.store import open_frame_store
from storage.frames.tokens import Tokens

PERIOD_S = 0.02
"""Between two looks at what was taken: a few frames, so that a message names as many as a busy shard's would."""


class Feeder:
    """A process of its own, so that its processor time can be told from the worker's."""

    def __init__(self, kind: str, pictures: Sequence[Picture], cameras: int) -> None:
        """Start it, paused. Camera n shows one picture again and again."""
        context = multiprocessing.get_context("spawn")
        self._is_on = context.Event()
        self._process = context.Process(target=_feed, args=(os.getpid(), kind, pictures, cameras, self._is_on))
        self._process.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def go_on(self) -> None:
        """Offer frames."""
        self._is_on.set()

    def pause(self) -> None:
        """Offer none."""
        self._is_on.clear()

    def stop(self) -> None:
        """End."""
        self._process.kill()
        self._process.join()


def _feed(parent_pid: int, kind: str, pictures: Sequence[Picture], cameras: int, is_on: Any) -> NoReturn:
    end_with_parent(signal.SIGKILL, parent_pid)
    settings, recognition = get_settings(), RECOGNITIONS[kind]
    client, store = connect_redis(settings), open_frame_store(settings)
    dispatcher = Dispatcher(lambda: Tokens(client), Publisher(settings).publish, Drops())
    camera_ids = range(1, cameras + 1)
    tokens = [keys.token(kind, camera_id) for camera_id in camera_ids]
    while True:
        is_on.wait()
        waiting: Any = client.mget(tokens)
        free = [camera_id for camera_id, token in zip(camera_ids, waiting, strict=True) if token is None]
        for camera_id in free:
            store.write(camera_id, pictures[camera_id % len(pictures)], time.time())
        dispatcher.dispatch(recognition, free)
        time.sleep(PERIOD_S)
