"""A GPU that gives nothing back, and no error either: its worker ends, to be started anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import redis

from core import keys
from core.recognitions import RECOGNITIONS
from core.settings import Settings
from core.tracing import Tracing
from core.types import Detection
from storage.database import Database
from storage.frames.store import open_frame_store
from storage.model_choices import ModelChoices
from tasks.device_guard import MOST_FAILURES
from tasks.frame_service import FrameService

pytestmark = pytest.mark.integration


class HangingRecogniser:
    """In place of the GPU that this machine has not."""

    model = "hanging"

    def __init__(self) -> None:
        self.goes_on = threading.Event()

    def describe(self) -> str:
        return self.model

    def warm_up(self) -> None:
        pass

    def recognise(self, frames: Sequence[Any]) -> list[tuple[Detection, ...]]:
        self.goes_on.wait()
        return [()] * len(frames)


@pytest.fixture
def recogniser() -> Iterator[HangingRecogniser]:
    found = HangingRecogniser()
    yield found
    found.goes_on.set()


@pytest.mark.parametrize(("gpu", "ends"), [(0, 1), (None, 0)], ids=["GPU", "CPU, which is slow and does not hang"])
def test_a_worker_whose_gpu_hangs_ends(
    gpu: int | None,
    ends: int,
    settings: Settings,
    redis_client: redis.Redis,
    recogniser: HangingRecogniser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[bool] = []
    monkeypatch.setattr("tasks.frame_service.build_recogniser", lambda *_, **__: recogniser)
    monkeypatch.setattr("tasks.frame_service.RESULT_TIMEOUT_S", 0.05)
    monkeypatch.setattr("tasks.device_guard._end_worker", lambda: ended.append(True))
    database, store = Database(settings), open_frame_store(settings)
    database.migrate()
    kind = RECOGNITIONS["plates"]
    service = FrameService(
        kind,
        settings.model_copy(update={"gpu": gpu}),
        redis_client,
        store,
        ModelChoices(database),
        Tracing(settings, "worker"),
    )
    for _ in range(MOST_FAILURES):
        store.write(1, np.zeros((48, 64, 3), np.uint8), time.time())
        service.recognise([1])
    assert len(ended) == ends
    assert redis_client.hget(keys.WORKER_DROPS, "plates:1:failed") == str(MOST_FAILURES).encode()
    recogniser.goes_on.set()
    service.close()
    store.discard()
    database.close()
