"""A recognition without its model: never silently nothing."""

from __future__ import annotations

import json
import time

import pytest
import redis

from core import keys
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES
from tests.support.api_client import ApiClient, code_of

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


def test_a_camera_names_models_of_its_own(operator: ApiClient, redis_client: redis.Redis) -> None:
    falls = {"kind": "falls", "fps": 8.0, "settings": {}, "models": {"person": "nanodet_m_320"}}
    body = {"name": "hall", "url": "rtsp://192.0.2.1/", "recognitions": [falls]}
    camera = operator.post("/cameras", body).get_json()
    assert camera["recognitions"] == [falls]
    text = "Model nanodet_m_320 is not on this machine: fetch it with `camrec models pull nanodet_m_320`."
    sign = {"at": time.time(), "host": "elsewhere", "pid": 1, "queues": [*FRAME_QUEUES], "models": {}}
    sign |= {"missing": {}, "missing_for_cameras": {"falls": {str(camera["id"]): text}}}
    redis_client.hset(keys.WORKERS, "frames@elsewhere", json.dumps(sign))
    assert operator.get(f"/cameras/{camera['id']}/status").get_json()["model_missing"] == {"falls": text}
    changed = operator.patch(f"/cameras/{camera['id']}", {"recognitions": [{"kind": "falls"}]}).get_json()
    assert changed["recognitions"][0]["models"] == {}
    assert operator.get(f"/cameras/{camera['id']}/status").get_json()["model_missing"] == {}


@pytest.mark.parametrize(
    ("models", "code", "said"),
    [
        pytest.param({"persons": "nanodet_m_320"}, "unknown_role", "falls.person", id="no such role"),
        pytest.param({"person": "nanodet_m_330"}, "unknown_model", "Did you mean nanodet_m_320?", id="no such model"),
        pytest.param({"person": "ppocr_v6_rec_small"}, "unfit_model", "its decoder is ctc", id="does something else"),
        pytest.param({"person": 7}, "invalid", "", id="no name"),
    ],
)
def test_models_that_cannot_be_chosen_are_refused(
    operator: ApiClient, models: dict[str, object], code: str, said: str
) -> None:
    body = {"name": "hall", "url": "rtsp://192.0.2.1/", "recognitions": [{"kind": "falls", "models": models}]}
    answer = operator.post("/cameras", body)
    assert code_of(answer) == (422, code)
    assert said in answer.get_json()["message"]
    assert operator.get("/cameras").get_json()["items"] == []
