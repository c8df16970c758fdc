"""What the API says of the system, in good days and in bad ones."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from app.api.factory import create_app
from core import keys
from core.lease_table import LeaseTable
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES
from core.settings import Settings, load_settings
from storage.database import Database
from storage.frames.store import open_frame_store
from storage.retention import room
from tests.support.api_client import ApiClient, code_of, password_of
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

SECRET = "s3cretW0rd"
GB = 1_000_000_000


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
        "database", "redis", "capture", "workers", "event_workers", "supervisor", "frame_store", "frame_transport",
        "clocks", "disk", "recording", "object_storage",
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


@pytest.mark.parametrize(
    ("free_gb", "status"), [pytest.param(1.9, "degraded", id="too-little"), pytest.param(2.1, "ok", id="enough")]
)
def test_the_disk_has_room_by_the_rule_of_recording(
    anonymous: ApiClient, settings: Settings, monkeypatch: pytest.MonkeyPatch, free_gb: float, status: str
) -> None:
    """Media on a disk of their own, of 100 GB: 2 % of it must be free, which is more than `CAMREC_MIN_FREE`."""
    settings.media_dir.mkdir(parents=True, exist_ok=True)
    free = {settings.data: 50 * GB, settings.media_dir: int(free_gb * GB)}
    look = SimpleNamespace(disk_usage=lambda folder: SimpleNamespace(total=100 * GB, free=free[folder]))
    monkeypatch.setattr(room, "shutil", look)
    part = anonymous.get("/health").get_json()["parts"]["disk"]
    assert (part["status"], part["free_bytes"]) == (status, free[settings.media_dir])
    said = ("1.9 GB are free", "2.0 GB must be", "CAMREC_MIN_FREE") if status == "degraded" else ()
    assert [words for words in said if words not in part["message"]] == []


@pytest.mark.parametrize("stranger", [keys.CAPTURE_NODES, keys.WORKERS])
def test_who_uses_another_frame_store_is_named(
    anonymous: ApiClient, redis_client: redis.Redis, settings: Settings, stranger: str
) -> None:
    own = open_frame_store(settings).identity()
    say_alive(redis_client, frame_store=own)
    assert statuses(anonymous)["frame_transport"] == "ok"
    sign = {"at": time.time(), "queues": [], "frame_store": "shm:of another host"}
    redis_client.hset(stranger, "plates@far", json.dumps(sign))

    def told() -> dict[str, Any] | None:
        part: dict[str, Any] = anonymous.get("/health").get_json()["parts"]["frame_transport"]
        return part if part["status"] == "degraded" else None

    message = wait_until(told, "health is asked anew", 5)["message"]
    assert "plates@far" in message
    assert "frames@host" not in message
    assert "CAMREC_FRAME_TRANSPORT=redis" in message


def test_a_machine_whose_clock_is_wrong_lives_and_is_named(
    anonymous: ApiClient, viewer: ApiClient, redis_client: redis.Redis
) -> None:
    say_alive(redis_client)
    assert statuses(anonymous)["clocks"] == "ok"
    sign = {"at": time.time() - 30, "clock_offset_s": -30.0, "queues": []}
    redis_client.hset(keys.WORKERS, "plates@far", json.dumps(sign))

    def told() -> dict[str, Any] | None:
        part: dict[str, Any] = anonymous.get("/health").get_json()["parts"]["clocks"]
        return part if part["status"] == "degraded" else None

    part = wait_until(told, "health is asked anew", 5)
    assert "30.0 s ahead of that of far" in part["message"]
    assert part["ahead_of_redis_s"]["far"] == -30
    assert 'camrec_clock_offset_seconds{node="far"} -30.0' in viewer.get("/metrics").text


@pytest.mark.parametrize(
    ("most", "why"),
    [pytest.param(None, "less than 15 seconds ago", id="just died"), pytest.param(1, "CAMREC_CAPTURE_MOST", id="full")],
)
def test_cameras_that_no_node_captures_are_named(
    anonymous: ApiClient, operator: ApiClient, redis_client: redis.Redis, most: int | None, why: str
) -> None:
    for number in range(3):
        operator.post("/cameras", {"name": f"gate {number}", "url": "rtsp://192.0.2.1/", "enabled": number < 2})
    say_alive(redis_client, most=most)
    leases = LeaseTable(redis_client, keys.CAPTURE_LEASES, "host:1", 60.0)
    leases.exchange(["node.host", "1"])
    part = anonymous.get("/health").get_json()["parts"]["capture"]
    assert (part["status"], part["left_cameras"], part["cameras_of_nodes"]) == ("degraded", [2], {"host": 1})
    assert why in part["message"]
    leases.exchange(["2"])
    wait_until(lambda: statuses(anonymous)["capture"] == "ok", "it is well", 3.0)


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
    figures = own_client.get("/metrics")
    assert figures.status_code == 200
    for line in ("camrec_redis_up 0.0", 'camrec_up{source="cameras"} 0.0', 'camrec_up{source="database"} 1.0'):
        assert line in figures.text
    own_redis.start()
    assert own_client.get(f"{path}/status").status_code == 200, "nobody has to restart the API"


def test_a_redis_that_hangs_does_not_hang_health(own_client: ApiClient, own_redis: RedisProcess) -> None:
    with own_redis.frozen():
        started_at = time.monotonic()
        parts = statuses(own_client)
        took_s = time.monotonic() - started_at
        metrics = own_client.get("/metrics")
        metrics_took_s = time.monotonic() - started_at - took_s
    assert (parts["database"], parts["redis"]) == ("ok", "down")
    assert took_s < 2.5
    assert "camrec_redis_up 0.0" in metrics.text
    assert metrics_took_s < 4.0, "Redis is waited for once, not by every source"


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
