"""What capture sees of cameras, of which one cannot be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import redis

from capture.camera_watcher import KNOWN_FOR_S, CameraWatcher
from core.keys import CAMERAS_CHANGED
from core.redis_client import connect_redis
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.secrets import Secrets
from tests.support.manual_clock import ManualClock
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def test_a_camera_with_another_key_is_not_watched_until_its_url_is_entered_again(
    settings: Settings, redis_client: redis.Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(settings)
    database.migrate()
    store = CameraStore(database, Secrets.of(settings))
    gate = store.add(Camera(0, "gate", "rtsp://192.0.2.1/"))
    yard = CameraStore(database, Secrets(tmp_path / "other")).add(Camera(0, "yard", "rtsp://u:pw@192.0.2.2/"))
    watcher = CameraWatcher(lambda: None, lambda: store, lambda: connect_redis(settings))
    watcher.start()
    try:
        assert watcher.wait(10) == {gate.id: gate}
        assert watcher.camera_ids() == {gate.id, yard.id}
        assert f"Camera {yard.id} cannot be watched" in caplog.text
        mended = store.edit(yard.id, lambda before: replace(before, url=yard.url))
        redis_client.publish(CAMERAS_CHANGED, str(yard.id))
        assert wait_until(lambda: watcher.wait(0.1), "it is watched", 10) == {gate.id: gate, yard.id: mended}
    finally:
        watcher.stop()
        database.close()


def test_what_an_old_look_saw_is_not_said_to_exist(settings: Settings) -> None:
    """Frames of all other cameras are deleted, and those of other nodes lie in the same Redis."""
    database, clock = Database(settings), ManualClock()
    database.migrate()
    store = CameraStore(database, Secrets.of(settings))
    watcher = CameraWatcher(lambda: None, lambda: store, lambda: connect_redis(settings), clock)
    assert watcher.camera_ids() is None
    gate = store.add(Camera(0, "gate", "rtsp://192.0.2.1/"))
    watcher._look()
    assert watcher.camera_ids() == {gate.id}
    clock.advance(KNOWN_FOR_S + 0.1)
    assert watcher.camera_ids() is None
    watcher._look()
    assert watcher.camera_ids() == {gate.id}
    database.close()
