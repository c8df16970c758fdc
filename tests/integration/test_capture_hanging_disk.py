"""A capture node whose media disk hangs: whoever asks for its figures waits for ever."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import redis

from capture import node
from core import keys
from core.lease_table import LeaseTable
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.secrets import Secrets
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def test_the_leases_do_not_wait_for_the_disk(
    settings: Settings, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, may_go_on = threading.Event(), threading.Event()

    def disk_figures(*_: object) -> dict[str, int]:
        hangs.set()
        may_go_on.wait(60.0)
        return {"free": 1}

    monkeypatch.setattr(node, "disk_figures", disk_figures)
    database = Database(settings)
    database.migrate()
    store = CameraStore(database, Secrets.of(settings))
    camera = store.add(Camera(0, "gate", "rtsp://127.0.0.1:1/x"))
    store.add(Camera(0, "yard", "rtsp://127.0.0.1:1/x", enabled=False))
    database.close()

    def sign() -> dict[str, Any]:
        raw: Any = redis_client.hget(keys.CAPTURE_NODES, settings.node)
        return json.loads(raw) if raw else {}

    capture = node.CaptureNode(settings)
    thread = threading.Thread(target=capture.run)
    thread.start()
    try:
        assert hangs.wait(10.0)
        since = wait_until(sign, "it gives signs of life", 10.0)["at"]
        holders = LeaseTable(redis_client, keys.CAPTURE_LEASES, "").exchange
        wait_until(lambda: str(camera.id) in holders().holders, "it has the lease of its camera", 10.0)
        wait_until(lambda: sign()["at"] > since + 2, "it goes on giving signs of life", 10.0)
        assert "disk" not in sign()
        assert len(holders().holders) == 3, "of the node, and of both cameras"
        assert sign()["cameras"] == 1, "one that is disabled is no load"
        may_go_on.set()
        wait_until(lambda: sign().get("disk") == {"free": 1}, "the disk is told of when it answers", 10.0)
    finally:
        may_go_on.set()
        capture.request_stop()
        thread.join(20.0)
    assert not thread.is_alive()
