"""The frames of a batch are taken at once, and one camera's broken ring does not cost the others theirs."""

from __future__ import annotations

import time

import numpy as np
import pytest
import redis

from core import keys
from core.recognitions import EVENT_SHARDS, RECOGNITIONS
from core.settings import Settings
from core.tracing import Tracing
from storage.database import Database
from storage.frames.folder import RingFolder
from storage.frames.shm_store import ShmFrameStore
from storage.frames.tokens import Tokens
from storage.model_choices import ModelChoices
from tasks.frame_service import FrameService

pytestmark = pytest.mark.integration

PLATES = RECOGNITIONS["plates"]
BROKEN, WHOLE = 1, 2


def test_a_broken_ring_costs_only_its_own_camera(settings: Settings, redis_client: redis.Redis) -> None:
    # Two frames make a batch, and a batch waits for two.
    settings = settings.model_copy(update={"max_batch": 2, "max_delay_ms": 60_000.0, "instances": 1})
    database, store, tokens = Database(settings), ShmFrameStore(settings), Tokens(redis_client)
    database.migrate()
    service = FrameService(PLATES, settings, redis_client, store, ModelChoices(database), Tracing(settings, "worker"))
    store.write(WHOLE, np.zeros((48, 64, 3), np.uint8), time.time())
    ring = RingFolder(store.folder, 1_000_000).ring_path(BROKEN)
    ring.symlink_to(ring)
    tokens.offer(PLATES, [BROKEN, WHOLE])
    service.recognise([BROKEN, WHOLE])
    service.close()
    assert redis_client.hgetall(keys.WORKER_DROPS) == {f"plates:{BROKEN}:failed".encode(): b"1"}
    assert redis_client.xlen(keys.observations(WHOLE % EVENT_SHARDS)) == 1
    assert redis_client.hgetall(keys.SERVED) == {f"plates:{n}".encode(): b"1" for n in (BROKEN, WHOLE)}
    assert not redis_client.exists(*(keys.token("plates", n) for n in (BROKEN, WHOLE)))
    ring.unlink()
    store.discard()
    database.close()
