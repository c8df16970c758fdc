"""A recognition without its model: never silently nothing."""

from __future__ import annotations

import json
import time

import pytest
import redis

from core import keys
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES
from tests.support.api_client import ApiClient

COMMAND = "Model yolox is not on this machine: fetch it with `camrec models pull yolox`."


def say_missing(client: redis.Redis) -> None:
    sign = {"at": time.time(), "host": "elsewhere", "pid": 1}
    worker = {**sign, "queues": [*FRAME_QUEUES, *EVENT_QUEUES], "models": {}, "missing": {"plates": COMMAND}}
    client.hset(keys.WORKERS, "frames@elsewhere", json.dumps(worker))


@pytest.mark.parametrize(
    ("kinds", "status"),
    [pytest.param(["plates"], "degraded", id="a camera waits for it"), pytest.param([], "ok", id="nobody wants it")],
)
def test_health_names_the_command(
    operator: ApiClient, redis_client: redis.Redis, kinds: list[str], status: str
) -> None:
    say_missing(redis_client)
    recognitions = [{"kind": kind, "fps": 5} for kind in kinds]
    operator.post("/cameras", {"name": "gate", "url": "rtsp://192.0.2.1/", "recognitions": recognitions})

    part = operator.get("/health").get_json()["parts"]["workers"]

    assert (part["status"], part["model_missing"]) == (status, {"plates": COMMAND})
    assert (COMMAND in part.get("message", "")) == (status == "degraded")


def test_a_cameras_status_names_the_command_for_its_own_recognitions(
    operator: ApiClient, redis_client: redis.Redis
) -> None:
    say_missing(redis_client)
    ids = {}
    for name, recognitions in {"gate": [{"kind": "plates", "fps": 5}], "yard": []}.items():
        body = {"name": name, "url": "rtsp://192.0.2.1/", "recognitions": recognitions}
        ids[name] = operator.post("/cameras", body).get_json()["id"]
    assert operator.get(f"/cameras/{ids['gate']}/status").get_json()["model_missing"] == {"plates": COMMAND}
    assert operator.get(f"/cameras/{ids['yard']}/status").get_json()["model_missing"] == {}
