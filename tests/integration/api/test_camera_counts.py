"""Counters in Redis go with their cameras, and those of other cameras stay."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from core import keys
from core.camera_counts import forget_removed_cameras
from tests.support.api_client import ApiClient
from tests.support.processes import children
from tests.support.waiting import wait_until


@pytest.fixture
def camera_ids(operator: ApiClient) -> list[int]:
    """Two cameras, the second of which has an id that begins like the first one's."""
    cameras = [{"name": "gate", "url": "rtsp://192.0.2.1/"}, {"id": 10, "name": "yard", "url": "rtsp://192.0.2.2/"}]
    ids = [operator.post("/cameras", camera).get_json()["id"] for camera in cameras]
    assert ids == [1, 10]
    return ids


def count(client: redis.Redis, camera_id: int) -> None:
    """As workers and judges do."""
    client.hincrby(keys.SERVED, f"plates:{camera_id}", 9)
    client.hincrby(keys.SERVED, f"falls:{camera_id}", 2)
    client.hincrby(keys.WORKER_DROPS, f"plates:{camera_id}:stale", 3)
    client.hincrby(keys.JUDGE_DROPS, f"plates:{camera_id}:not_newer", 1)


def counted(client: redis.Redis) -> dict[int, int]:
    """How many counters each camera has."""
    fields: list[Any] = [f for key in (keys.SERVED, keys.WORKER_DROPS, keys.JUDGE_DROPS) for f in client.hkeys(key)]
    ids = [int(field.split(b":")[1]) for field in fields]
    return {camera_id: ids.count(camera_id) for camera_id in ids}


@pytest.mark.parametrize(
    "remove",
    [
        pytest.param(lambda admin: admin.delete("/cameras/1"), id="delete"),
        pytest.param(
            lambda admin: admin.put("/cameras", {"items": [{"id": 10, "name": "yard", "url": "rtsp://192.0.2.2/"}]}),
            id="replace all",
        ),
    ],
)
def test_removing_a_camera_removes_its_counters(
    admin: ApiClient, redis_client: redis.Redis, camera_ids: list[int], remove: Callable[[ApiClient], object]
) -> None:
    for camera_id in camera_ids:
        count(redis_client, camera_id)
    remove(admin)
    assert counted(redis_client) == {10: 4}
    assert redis_client.hget(keys.SERVED, "plates:10") == b"9"


def test_the_job_removes_what_frames_under_way_brought_back(
    admin: ApiClient, redis_client: redis.Redis, camera_ids: list[int], tmp_path: Path
) -> None:
    """The task as beat sends it, with a real worker."""
    admin.delete("/cameras/1")
    for camera_id in camera_ids:
        count(redis_client, camera_id)
    with children(tmp_path) as processes:
        processes.start("worker", "-Q", "jobs")
        beat = "from tasks import app; app.send_task(app.conf.beat_schedule['forget cameras']['task'])"
        subprocess.run([sys.executable, "-P", "-c", beat], check=True, timeout=60)
        wait_until(lambda: counted(redis_client) == {10: 4}, "only the camera that is there has counters", 60)


def test_a_camera_that_is_added_meanwhile_keeps_its_counters(redis_client: redis.Redis) -> None:
    count(redis_client, 1)

    def known() -> list[int]:
        count(redis_client, 2)  # added, and its first frame taken, just before the database is asked
        return [2]

    assert forget_removed_cameras(redis_client, known) == 4
    assert counted(redis_client) == {2: 4}
