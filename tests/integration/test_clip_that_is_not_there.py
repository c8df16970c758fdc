"""A frame whose clip is not there yet is counted, as every frame that a worker takes and does not recognise."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import redis

from core import keys
from core.recognitions import RECOGNITIONS
from core.settings import Settings
from core.tracing import Tracing
from storage.database import Database
from storage.frames.store import open_frame_store
from storage.model_choices import ModelChoices
from tasks.frame_service import FrameService

pytestmark = [pytest.mark.integration, pytest.mark.data]


def test_a_frame_without_a_clip_is_counted(settings: Settings, redis_client: redis.Redis, shared_data: Path) -> None:
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    (settings.models_dir / "yolox_nano_416.onnx").symlink_to(shared_data / "models" / "yolox_nano_416.onnx")
    database, store = Database(settings), open_frame_store(settings)
    database.migrate()
    service = FrameService(
        RECOGNITIONS["violence"],
        settings,
        redis_client,
        store,
        ModelChoices(database),
        Tracing(settings, "worker"),
    )
    store.write(1, np.zeros((48, 64, 3), np.uint8), time.time())
    service.recognise([1])
    service.close()
    assert redis_client.hgetall(keys.WORKER_DROPS) == {b"violence:1:no_clip": b"1"}
    store.discard()
    database.close()
