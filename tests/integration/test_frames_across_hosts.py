"""Capture, recognition, judgement and API that share no memory: frames go through a Redis of their own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.api.factory import create_app
from app.demo.rtsp import RtspServer
from app.demo.street import HEIGHT, WIDTH, write_street
from core import keys
from core.settings import Settings, get_settings
from storage.camera import CameraRecognition, Recording
from storage.database import Database
from storage.events import EventFilter, EventStore, StoredEvent
from storage.media import Media, decode_jpeg
from storage.users import UserStore
from tests.support.api_client import ApiClient, password_of
from tests.support.capture_process import CaptureProcess
from tests.support.processes import Children, children
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PLATES = (CameraRecognition("plates", 5.0),)
EVENTS = ",".join(f"events.{shard}" for shard in range(8))


@pytest.fixture
def frames_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    folder = tmp_path / "frames"
    folder.mkdir()
    with RedisProcess(folder) as server:
        yield server


@pytest.fixture
def hosts(settings: Settings, frames_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    monkeypatch.setenv("CAMREC_FRAME_TRANSPORT", "redis")
    monkeypatch.setenv("CAMREC_FRAMES_REDIS_URL", frames_redis.url)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Hosts(Path(folder), monkeypatch)


class Hosts:
    """Each has memory of its own; what is started after `enter` runs there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch

    def enter(self, name: str) -> Settings:
        memory = self._folder / name
        memory.mkdir()
        self._monkeypatch.setenv("CAMREC_FRAME_DIR", str(memory))
        self._monkeypatch.setenv("CAMREC_NODE", name)
        get_settings.cache_clear()
        return get_settings()

    def memory_in_use(self) -> list[Path]:
        return [path for path in self._folder.rglob("*") if path.is_file()]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Children]:
    with children(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    path = tmp_path_factory.mktemp("street") / "street.mp4"
    return path, set(write_street(path, seed=5, duration_s=16))


def test_events_come_with_pictures_though_no_memory_is_shared(
    settings: Settings,
    hosts: Hosts,
    frames_redis: RedisProcess,
    redis_client: redis.Redis,
    workers: Children,
    street: tuple[Path, set[str]],
) -> None:
    footage, plates = street
    hosts.enter("recogniser")
    workers.start("worker", "-Q", "plates")
    hosts.enter("judge")
    workers.start("worker", "-Q", EVENTS)
    with (
        RtspServer({"street": footage}) as rtsp,
        frames_redis.client() as frames_client,
        CaptureProcess(hosts.enter("capture"), redis_client) as capture,
    ):
        camera = capture.add("street", rtsp.url("street"), recognitions=PLATES, recording=Recording("continuous"))
        events = EventStore(capture.database)
        event = wait_until(lambda: with_picture(events), "an event with a picture", 60)
        assert event.event.text in plates
        assert event.snapshot is not None
        picture = decode_jpeg(Media(settings.media_dir).read(event.snapshot) or b"")
        assert picture is not None
        assert picture.shape == (HEIGHT, WIDTH, 3)
        assert frames_client.exists(keys.newest_frame(camera.id), keys.evidence(camera.id)) == 2
        assert not redis_client.exists(keys.newest_frame(camera.id)), "the broker carries no pictures"
        viewer = viewer_on(hosts.enter("api"), capture.database)
        assert viewer.get(f"/cameras/{camera.id}/snapshot").data.startswith(b"\xff\xd8")
        assert viewer.get("/health").get_json()["parts"]["frame_transport"]["status"] == "ok"

        frames_redis.kill()
        wait_until(lambda: "Redis of frames" in (capture.status(camera.id)["message"] or ""), "the status says it", 10)
        recorded_until = newest_segment_s(settings)
        wait_until(lambda: newest_segment_s(settings) > recorded_until, "it is recorded all the same", 20)
        assert viewer.get(f"/cameras/{camera.id}/snapshot").status_code == 503
        assert capture.status(camera.id)["drops"]["store"] > 0
        frames_redis.start()
        since = time.time()
        wait_until(lambda: with_picture(events, since), "events come again", 60)
        status = capture.wait_for(camera, "streaming")
        assert (status["message"], status["reconnects"]) == (None, 0)
    assert hosts.memory_in_use() == []


def with_picture(events: EventStore, since: float = 0.0) -> StoredEvent | None:
    found = events.page(EventFilter(), None, 100)
    return next((e for e in found if e.snapshot is not None and e.event.started_at >= since), None)


def newest_segment_s(settings: Settings) -> float:
    return max((path.stat().st_mtime for path in settings.media_dir.rglob("*.mp4")), default=0.0)


def viewer_on(settings: Settings, database: Database) -> ApiClient:
    UserStore(database).add("viewer", password_of("viewer"), "viewer")
    return ApiClient(create_app(settings)).log_in("viewer", password_of("viewer"))


def test_a_worker_with_memory_of_its_own_says_why_it_sees_nothing(
    hosts: Hosts, redis_client: redis.Redis, workers: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CaptureProcess(hosts.enter("capture"), redis_client):
        wait_until(lambda: b'"frame_store": "redis:' in sign_of(redis_client, "capture"), "capture names its store", 20)
        monkeypatch.setenv("CAMREC_FRAME_TRANSPORT", "shm")
        hosts.enter("recogniser")
        workers.start("worker", "-Q", EVENTS)
        said = "Frames of capture node capture are not seen here"
        wait_until(lambda: said in workers.logs(), "its log says so", 30)
        assert "CAMREC_FRAME_TRANSPORT=redis" in workers.logs()


def sign_of(redis_client: redis.Redis, node: str) -> bytes:
    sign = redis_client.hget(keys.CAPTURE_NODES, node) or b""
    assert isinstance(sign, bytes)
    return sign
