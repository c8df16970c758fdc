"""Several ``camrec capture`` processes share the cameras: nodes join, leave, die and freeze; Redis goes and comes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from capture.lease_book import LIFETIME_S
from core import keys
from core.settings import Settings, get_settings
from tests.support.capture_nodes import CaptureNodes, StreamWatch, capture_nodes
from tests.support.numbered import numbered_frames
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

NAMES = [f"camera{number}" for number in range(6)]
MOVE_S = 15.0
"""In which cameras of a dead node are captured by others."""


@pytest.fixture
def rtsp(tmp_path: Path) -> Iterator[RtspServer]:
    clip = tmp_path / "clip.mp4"
    write_video(clip, numbered_frames(30, 160, 120), 10, gop_s=1)
    with RtspServer(dict.fromkeys(NAMES, clip)) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisProcess]:
    """That the settings name, and that is down."""
    with RedisProcess(tmp_path) as server:
        monkeypatch.setenv("CAMREC_REDIS_URL", server.url)
        get_settings.cache_clear()
        server.kill()
        yield server


def test_cameras_are_captured_once_whatever_happens(tmp_path: Path, own_redis: RedisProcess, rtsp: RtspServer) -> None:
    with own_redis.client() as client, capture_nodes(tmp_path, get_settings(), client) as nodes:
        nodes.add(NAMES, rtsp)
        with StreamWatch(rtsp) as watch:
            _start_without_redis(nodes, watch, own_redis)
            _join(nodes, watch, client)
            _lose_redis(nodes, watch, own_redis, rtsp)
            assert watch.most() == 1, "no camera was captured twice so far"
            _freeze_and_kill(nodes, watch)
            _leave(nodes, watch)


def _start_without_redis(nodes: CaptureNodes, watch: StreamWatch, own_redis: RedisProcess) -> None:
    nodes.start("a")
    wait_until(lambda: watch.now() == {1}, "all cameras at a start without Redis", MOVE_S)
    own_redis.start()
    nodes.wait_for(6.0, a=6)
    watch.restart()


def _join(nodes: CaptureNodes, watch: StreamWatch, client: redis.Redis) -> None:
    nodes.start("b", capture_weight="2")
    nodes.wait_for(MOVE_S, a=2, b=4)
    nodes.start("c", capture_most="1")
    nodes.wait_for(MOVE_S, a=2, b=3, c=1)
    wait_until(lambda: watch.now() == {1}, "all streams", 5.0)
    moves = client.get(keys.LEASE_MOVES) or b"0"
    assert int(moves) == 4 + 1, "as few as can be"
    holders = nodes.holders()

    def nodes_said() -> dict[int, str]:
        raw = {camera: client.get(keys.camera_status(camera)) for camera in holders}
        return {camera: json.loads(said)["node"] for camera, said in raw.items() if said}

    wait_until(lambda: nodes_said() == holders, "each status names its node", 5.0)
    assert watch.longest_gap_s() < MOVE_S


def _lose_redis(nodes: CaptureNodes, watch: StreamWatch, own_redis: RedisProcess, rtsp: RtspServer) -> None:
    holders, requests = nodes.holders(), len(rtsp.requests)
    own_redis.kill()
    _pass(LIFETIME_S + 1.0)
    own_redis.start()  # and knows nothing any more
    wait_until(lambda: nodes.holders() == holders, "each node has what it had", 6.0)
    _pass(2.5)
    assert (nodes.holders(), len(rtsp.requests)) == (holders, requests), "no stream was opened anew"
    assert watch.now() == {1}


def _freeze_and_kill(nodes: CaptureNodes, watch: StreamWatch) -> None:
    a, b, c = nodes.started
    frozen = c.freeze()
    b.kill()
    namesake = nodes.start("a", data=a.data.parent / "namesake")
    folder_mate = nodes.start("d", data=a.data)
    nodes.wait_for(MOVE_S, a=6)
    wait_until(lambda: min(watch.now()) == 1, "a captures all", 5.0)
    for process in frozen:
        process.resume()
    nodes.wait_for(10.0, a=5, c=1)
    wait_until(lambda: watch.now() == {1}, "c has given up what it had, and got its share", 5.0)
    assert watch.longest_gap_s() < MOVE_S
    for refused, reason in ((namesake, "runs as node a"), (folder_mate, f"runs on {a.data}")):
        assert refused.process.wait(MOVE_S) == 1
        assert reason in refused.log()


def _leave(nodes: CaptureNodes, watch: StreamWatch) -> None:
    c = nodes.started[2]
    watch.restart()
    assert c.terminate() == 0
    nodes.wait_for(4.0, a=6)  # its leases were released, not left to expire
    wait_until(lambda: watch.now() == {1}, "all streams", 5.0)
    assert watch.longest_gap_s() < MOVE_S
    assert watch.most() == 1


def _pass(duration_s: float) -> None:
    """What is awaited is that nothing happens."""
    until_s = time.monotonic() + duration_s
    wait_until(lambda: time.monotonic() > until_s, "time to pass", duration_s + 1.0)
