"""What the API says of the system, in good days and in bad ones."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from app.api.factory import create_app
from core import keys
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES
from core.settings import Settings, load_settings
from storage.database import Database
from storage.events import EventStore
from tests.support.api_client import ApiClient, code_of, password_of
from tests.support.redis_process import RedisProcess
from tests.support.stored import an_event

SECRET = "s3cretW0rd"


def say_alive(client: redis.Redis, **others: Any) -> None:
    """As capture and the workers say it."""
    sign = {"at": time.time(), **others}
    client.hset(keys.CAPTURE_NODES, "host", json.dumps({**sign, "cameras": 1}))
    client.hset(keys.WORKERS, "frames@host", json.dumps({**sign, "queues": FRAME_QUEUES, "models": {"plates": "m"}}))
    client.hset(keys.WORKERS, "events@host", json.dumps({**sign, "queues": EVENT_QUEUES, "models": {}}))


def statuses(anonymous: ApiClient) -> dict[str, str]:
    return {name: part["status"] for name, part in anonymous.get("/health").get_json()["parts"].items()}


def test_all_is_well(anonymous: ApiClient, redis_client: redis.Redis, settings: Settings) -> None:
    say_alive(redis_client)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    process = {"name": "api", "pid": 1, "state": "running", "restarts": 0, "last_exit": None, "since": 0}
    (settings.run_dir / "supervisor.json").write_text(json.dumps({"pid": 1, "processes": [process]}))
    answer = anonymous.get("/health")
    report = answer.get_json()
    assert (answer.status_code, report["status"]) == (200, "ok"), report
    assert set(report["parts"]) == {
        "database", "redis", "capture", "workers", "event_workers", "supervisor", "frame_store", "disk", "recording",
        "object_storage",
    }  # fmt: skip
    assert report["parts"]["workers"]["queues"] == dict.fromkeys(FRAME_QUEUES, 1)
    assert report["parts"]["workers"]["models"] == {"plates": "m"}


def test_what_is_missing_degrades(anonymous: ApiClient, redis_client: redis.Redis, settings: Settings) -> None:
    say_alive(redis_client, at=time.time() - 60)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    process = {"name": "worker-frames-cpu", "pid": None, "state": "crash_loop", "restarts": 9, "last_exit": "exit 1"}
    (settings.run_dir / "supervisor.json").write_text(json.dumps({"pid": 1, "processes": [process]}))
    report = anonymous.get("/health").get_json()
    ill = {name for name, part in report["parts"].items() if part["status"] != "ok"}
    assert (report["status"], ill) == ("degraded", {"capture", "workers", "event_workers", "supervisor"})
    assert "worker-frames-cpu" in report["parts"]["supervisor"]["message"]
    assert "plates" in report["parts"]["workers"]["message"]


def test_health_tells_strangers_no_secrets(
    anonymous: ApiClient, operator: ApiClient, redis_client: redis.Redis, settings: Settings
) -> None:
    operator.post("/cameras", {"name": "gate", "url": f"rtsp://u:{SECRET}@192.0.2.1/"})
    say_alive(redis_client)
    text = anonymous.get("/health").text
    assert settings.redis_url is not None
    for secret in (SECRET, "192.0.2.1", settings.redis_url.get_secret_value(), str(settings.data)):
        assert secret not in text


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as process:
        yield process


@pytest.fixture
def own_client(own_redis: RedisProcess, database: Database, settings: Settings, frame_dir: Path) -> ApiClient:
    """A viewer of an application whose Redis the test may kill."""
    environ = {"CAMREC_DATA": str(settings.data), "CAMREC_REDIS_URL": own_redis.url, "CAMREC_FRAME_DIR": str(frame_dir)}
    app = create_app(load_settings(environ, env_file=settings.data / "no.env"))
    return ApiClient(app).log_in("operator", password_of("operator"))


def test_without_redis_the_rest_goes_on(own_client: ApiClient, own_redis: RedisProcess) -> None:
    body = {"name": "gate", "url": "rtsp://192.0.2.1/"}
    path = f"/cameras/{own_client.post('/cameras', body).get_json()['id']}"
    assert own_client.get(f"{path}/status").status_code == 200
    own_redis.kill()
    for url in (f"{path}/status", "/cameras/status"):
        answer = own_client.get(url)
        assert code_of(answer) == (503, "redis_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert own_client.get("/cameras").status_code == 200
    assert own_client.patch(path, {"name": "renamed"}).status_code == 200, "a change is stored, and announced to nobody"
    health = own_client.get("/health")
    assert (health.status_code, health.get_json()["status"]) == (200, "degraded")
    assert health.get_json()["parts"]["redis"]["status"] == "down"
    figures = own_client.get("/metrics").text
    assert 'camrec_up{source="cameras"} 0.0' in figures
    assert 'camrec_up{source="database"} 1.0' in figures
    own_redis.start()
    assert own_client.get(f"{path}/status").status_code == 200, "nobody has to restart the API"


def test_a_redis_that_hangs_does_not_hang_health(own_client: ApiClient, own_redis: RedisProcess) -> None:
    with own_redis.frozen():
        started_at = time.monotonic()
        parts = statuses(own_client)
        took_s = time.monotonic() - started_at
    assert (parts["database"], parts["redis"]) == ("ok", "down")
    assert took_s < 2.5


def test_without_its_database_the_api_says_so(viewer: ApiClient, anonymous: ApiClient, settings: Settings) -> None:
    for path in settings.data.glob("camrec.db*"):
        path.unlink()
    (settings.data / "camrec.db").mkdir()
    viewer.app.extensions["camrec"].database.close()  # pooled connections would go on with the deleted file
    answer = viewer.get("/cameras")
    assert code_of(answer) == (503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert str(settings.data) not in answer.text
    login = anonymous.post("/auth/token", {"username": "viewer", "password": password_of("viewer")})
    assert code_of(login) == (503, "database_unavailable")
    health = anonymous.get("/health")
    assert (health.status_code, health.get_json()["parts"]["database"]["status"]) == (503, "down")


def test_metrics_of_a_running_system(
    viewer: ApiClient, operator: ApiClient, redis_client: redis.Redis, database: Database
) -> None:
    camera_id = operator.post("/cameras", {"name": 'the "gate"', "url": f"rtsp://u:{SECRET}@192.0.2.1/"}).get_json()[
        "id"
    ]
    status = {
        "state": "streaming", "reason": None, "message": None, "last_frame_at": time.time() - 1, "received_fps": 25.0,
        "decoded_fps": 12.0, "sampled_fps": 5.0, "asked_fps": {"plates": 5.0}, "reached_fps": {"plates": 4.5},
        "drops": {"superseded": 3}, "reconnects": 2,
    }  # fmt: skip
    redis_client.set(keys.camera_status(camera_id), json.dumps(status))
    say_alive(redis_client)
    redis_client.rpush("plates", "message")
    redis_client.xadd(keys.observations(3), {"observation": "{}"})
    redis_client.hset(keys.SERVED, f"plates:{camera_id}", 42)
    redis_client.hset(keys.WORKER_DROPS, f"plates:{camera_id}:stale", 7)
    redis_client.hset(keys.JUDGE_DROPS, f"plates:{camera_id}:older", 1)
    redis_client.hset(keys.RECOGNISER_FIGURES, "plates:batches", 9)
    EventStore(database).put([(an_event(camera_id, 1000.0), None)], epoch=1)
    answer = viewer.get("/metrics")
    assert SECRET not in answer.text
    figures = {
        (sample.name, *(sample.labels[k] for k in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    camera = ('the "gate"', str(camera_id))
    assert figures["camrec_camera_state", *camera, "streaming"] == 1
    assert 1 <= figures["camrec_camera_frame_age_seconds", *camera] < 10
    assert figures["camrec_camera_received_fps", *camera] == 25
    assert figures["camrec_camera_asked_fps", *camera, "plates"] == 5
    assert figures["camrec_camera_reached_fps", *camera, "plates"] == 4.5
    assert figures["camrec_camera_reconnects_total", *camera] == 2
    assert figures["camrec_capture_drops_total", *camera, "superseded"] == 3
    assert figures["camrec_queue_length", "plates"] == 1
    assert figures["camrec_observations_waiting", "3"] == 1
    assert figures["camrec_workers", "events.0"] == 1
    assert figures["camrec_frames_served_total", str(camera_id), "plates"] == 42
    assert figures["camrec_worker_drops_total", str(camera_id), "stale", "plates"] == 7
    assert figures["camrec_judge_drops_total", str(camera_id), "older", "plates"] == 1
    assert figures["camrec_recogniser_total", "batches", "plates"] == 9
    assert figures["camrec_events",] == 1
    assert figures["camrec_api_requests_total", "POST", "/api/v1/cameras", "201"] == 1
    assert figures["camrec_up", "cameras"] == 1
