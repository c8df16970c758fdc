"""The API as a process: long-lived answers, their cap, and the end."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import redis

from core import keys
from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.frames.store import FrameStore, open_frame_store
from storage.secrets import Secrets
from storage.users import UserStore
from tests.support.processes import Children, children
from tests.support.served_api import ServedApi, messages
from tests.support.stored import an_event
from tests.support.waiting import wait_until

STREAMS = 3
THREADS = 4


@pytest.fixture
def processes(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Children]:
    """Children that see the settings, with room for few streams."""
    monkeypatch.setenv("CAMREC_API_STREAMS", str(STREAMS))
    monkeypatch.setenv("CAMREC_API_THREADS", str(THREADS))
    folder = tmp_path / "logs"
    folder.mkdir()
    with children(folder) as started:
        yield started
        print(started.logs())  # noqa: T201


@pytest.fixture
def camera(database: Database, settings: Settings) -> Camera:
    return CameraStore(database, Secrets(settings.data)).add(Camera(0, "gate", "rtsp://192.0.2.1/"))


@pytest.fixture
def frames(settings: Settings, camera: Camera) -> Iterator[FrameStore]:
    """The frame store, with one frame of the camera."""
    store = open_frame_store(settings)
    store.write(camera.id, np.full((240, 320, 3), 90, np.uint8), time.time())
    yield store
    store.close()


@pytest.fixture
def api(database: Database, processes: Children) -> ServedApi:
    served = ServedApi(processes)
    served.log_in("viewer")
    return served


@pytest.fixture
def events(database: Database) -> EventStore:
    return EventStore(database)


def test_events_arrive_as_they_are_written(
    api: ServedApi, camera: Camera, events: EventStore, redis_client: redis.Redis
) -> None:
    with api.opened("GET", "/events/stream") as answer:
        assert answer.getheader("Content-Type", "").startswith("text/event-stream")
        wait_until(lambda: redis_client.pubsub_numsub(keys.EVENTS_CHANGED)[0][1], "the feed listens", 10)
        feed = messages(answer)
        for number in range(3):
            event = an_event(camera.id, time.time())
            events.put([(event, None)], epoch=1)
            redis_client.publish(keys.EVENTS_CHANGED, event.id)
            started_at = time.monotonic()
            _position, data = next(feed)
            assert data["id"] == event.id
            assert number == 0 or time.monotonic() - started_at < 1, "woken, not polled"


def test_a_feed_goes_on_where_it_ended_also_without_redis(api: ServedApi, camera: Camera, events: EventStore) -> None:
    written = [an_event(camera.id, time.time() + n) for n in range(4)]
    with api.opened("GET", "/events/stream") as answer:
        feed = messages(answer)
        for event in written[:2]:
            events.put([(event, None)], epoch=1)  # and nothing is published
        received = [next(feed), next(feed)]
        assert [data["id"] for _, data in received] == [e.id for e in written[:2]]
    for event in written[2:]:
        events.put([(event, None)], epoch=1)
    first_position = received[0][0]
    for path, headers in (
        ("/events/stream", {"Last-Event-ID": first_position}),
        (f"/events/stream?after={first_position}", {}),
    ):
        with api.opened("GET", path, headers=headers) as answer:
            feed = messages(answer)
            assert [next(feed)[1]["id"] for _ in range(3)] == [e.id for e in written[1:]]
    with api.opened("GET", "/events/stream", headers={"Last-Event-ID": "nonsense"}) as answer:
        assert answer.status == 422


def test_full_streams_starve_nobody_and_make_room_again(api: ServedApi, camera: Camera, frames: FrameStore) -> None:
    path = f"/cameras/{camera.id}/stream?fps=30"
    with ExitStack() as viewers:
        for _ in range(STREAMS):
            answer = viewers.enter_context(api.opened("GET", path))
            assert (answer.status, answer.readline()) == (200, b"--frame\r\n")
        for full in (path, "/events/stream"):
            with api.opened("GET", full) as refused:
                assert refused.status == 503
                assert int(refused.getheader("Retry-After", "")) > 0
                assert b"too_many_streams" in refused.read()
        assert api.call("GET", "/cameras")[0] == 200

    def has_room() -> bool:
        frames.write(camera.id, np.full((240, 320, 3), 90, np.uint8), time.time())
        with api.opened("GET", path) as answer:
            return answer.status == 200

    wait_until(has_room, "a slot is free after its viewer left", 15)


def test_clients_that_stall_hold_no_thread_for_ever(api: ServedApi) -> None:
    stalled_requests = [
        b"GET /api/v1/health HT",
        b"POST /api/v1/auth/token HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    ]
    with ExitStack() as clients:
        for number in range(THREADS + STREAMS):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", api.port)))
            client.sendall(stalled_requests[number % 2])
        assert api.call("GET", "/health")[0] == 200


def test_a_removed_user_s_stream_ends(api: ServedApi, camera: Camera, frames: FrameStore, database: Database) -> None:
    with api.opened("GET", f"/cameras/{camera.id}/stream?fps=30") as answer:
        assert answer.readline() == b"--frame\r\n"
        UserStore(database).remove("viewer")

        def has_ended() -> bool:
            frames.write(camera.id, np.full((240, 320, 3), 90, np.uint8), time.time())
            return not answer.read1()

        wait_until(has_ended, "the stream ends", 15)


def test_it_stops_soon_with_streams_open(api: ServedApi, camera: Camera, frames: FrameStore) -> None:
    assert frames.newest(camera.id) is not None
    with ExitStack() as viewers:
        for path in ("/events/stream", f"/cameras/{camera.id}/stream"):
            assert viewers.enter_context(api.opened("GET", path)).readline()
        started_at = time.monotonic()
        api.process.send_signal(signal.SIGTERM)
        assert api.process.wait(10) == 0
        assert time.monotonic() - started_at < 5


def test_a_token_in_a_url_stands_in_no_log(api: ServedApi, camera: Camera, processes: Children) -> None:
    access = api.call("POST", "/auth/stream-token")[1]["access"]
    api.call("GET", f"/cameras/{camera.id}/snapshot?access={access}&width=64")
    wait_until(lambda: f"GET /api/v1/cameras/{camera.id}/snapshot 404" in processes.logs(), "the access log", 5)
    assert access not in processes.logs()
    assert api.token not in processes.logs()
    assert "width=64" not in processes.logs()


def test_a_taken_port_is_said(processes: Children, database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = processes.start("api", "--port", str(taken.getsockname()[1]))
        assert process.wait(20) == 1
    assert "cannot listen on" in processes.logs()
    assert "Traceback" not in processes.logs()
    assert database.engine.dialect.name == "sqlite"
