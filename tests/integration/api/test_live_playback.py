"""Live playlists of a real camera, recorded by a real capture process, read as a player does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import redis

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from core.settings import Settings
from storage.camera import RECORDING_MODES, Recording
from storage.database import Database
from tests.support.api_client import ApiClient, code_of
from tests.support.capture_process import CaptureProcess
from tests.support.live_player import LivePlayer, ends_at
from tests.support.numbered import numbered_frames
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

FPS = 15
GOP_S = 1
CONTINUOUS = Recording("continuous")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "gate.mp4"
    write_video(path, numbered_frames(60 * FPS), FPS, gop_s=GOP_S)
    return path


@pytest.fixture
def rtsp(clip: Path) -> Iterator[RtspServer]:
    with RtspServer({"gate": clip}) as server:
        yield server


@pytest.fixture
def capture(settings: Settings, database: Database, redis_client: redis.Redis) -> Iterator[CaptureProcess]:
    with CaptureProcess(settings, redis_client) as process:
        yield process


def wait_for_parts(player: LivePlayer, count: int, timeout_s: float = 30.0) -> None:
    """Until so many more than now are listed."""
    wanted = len(player.listed) + count
    wait_until(lambda: player.poll() and len(player.listed) >= wanted, f"{wanted} parts", timeout_s)


def is_every_picture_once(counters: list[int]) -> bool:
    return {(after - before) % (60 * FPS) for before, after in pairwise(counters)} == {1}


def test_cameras_of_every_mode_are_watched_live(
    viewer: ApiClient, capture: CaptureProcess, rtsp: RtspServer, settings: Settings
) -> None:
    cameras = {mode: capture.add(mode, rtsp.url("gate"), recording=Recording(mode)) for mode in RECORDING_MODES}
    players = {mode: LivePlayer(viewer, camera.id).start() for mode, camera in cameras.items()}
    for mode, player in players.items():
        wait_for_parts(player, 6)
        assert len({entry.uri for entry in player.listed.values()}) >= 2, "a file is four seconds long"
        assert len({entry.discontinuity for entry in player.listed.values()}) == 1
        assert is_every_picture_once(player.pictures())
        assert time.time() - 2 * GOP_S - 2 < ends_at(player.poll()) < time.time() + 1
        folder = settings.media_dir / "recordings" / str(cameras[mode].id)
        assert folder.exists() == (mode == "continuous"), "nothing is recorded because somebody watches"


def go_on_after_a_break(player: LivePlayer) -> None:
    """Until the playlist has gone on behind a discontinuity; every part that was ever listed can still be played."""
    before = max(entry.discontinuity for entry in player.listed.values())

    def parts_behind_it() -> bool:
        player.poll()
        return sum(entry.discontinuity == before + 1 for entry in player.listed.values()) >= 2

    wait_until(parts_behind_it, "two parts behind a discontinuity", 40.0)
    assert max(entry.discontinuity for entry in player.listed.values()) == before + 1
    for number in player.listed:
        assert is_every_picture_once(player.pictures([number]))


def test_a_camera_that_was_cut_goes_on_with_a_discontinuity(
    viewer: ApiClient, capture: CaptureProcess, rtsp: RtspServer
) -> None:
    camera = capture.add("gate", rtsp.url("gate"), recording=CONTINUOUS)
    player = LivePlayer(viewer, camera.id).start()
    wait_for_parts(player, 2)
    rtsp.set_fault("gate", "drop")
    go_on_after_a_break(player)


def test_a_killed_capture_process_is_played_on(
    viewer: ApiClient, database: Database, settings: Settings, redis_client: redis.Redis, rtsp: RtspServer
) -> None:
    with CaptureProcess(settings, redis_client) as capture:
        camera = capture.add("gate", rtsp.url("gate"), recording=CONTINUOUS)
        player = LivePlayer(viewer, camera.id).start()
        wait_for_parts(player, 2)
        for shard in capture.shards():
            shard.kill()
        capture.process.kill()
        capture.process.wait()
        at_the_kill = sorted(player.listed)
    assert is_every_picture_once(player.pictures(at_the_kill))
    with CaptureProcess(settings, redis_client):
        go_on_after_a_break(player)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        pytest.param({"enabled": False}, 409, "camera_disabled", id="disabled"),
        pytest.param(
            {"detect_url": "rtsp://192.0.2.1/sub", "recording": {"mode": "off"}},
            409,
            "main_stream_unread",
            id="main stream unread",
        ),
    ],
)
def test_a_camera_that_cannot_be_watched_says_why(
    operator: ApiClient, fields: dict[str, object], status: int, code: str
) -> None:
    answer = operator.post("/cameras", {"name": "gate", "url": "rtsp://192.0.2.1/", **fields})
    assert answer.status_code == 201, answer.text
    assert code_of(operator.get(f"/cameras/{answer.get_json()['id']}/live.m3u8")) == (status, code)


@pytest.mark.parametrize(
    "name", ["../../../camrec", "..%2f..%2fcamrec", "20261124-093338-12", "20261124-093338-123x", "x"]
)
def test_no_other_file_can_be_had(viewer: ApiClient, settings: Settings, database: Database, name: str) -> None:
    settings.media_dir.mkdir(parents=True)
    (settings.media_dir.parent / "camrec.mp4").write_bytes(b"secret")
    assert viewer.get(f"/cameras/1/live/{name}.mp4").status_code == 404


def test_tokens_open_what_they_are_for(viewer: ApiClient, anonymous: ApiClient, operator: ApiClient) -> None:
    camera_id = operator.post("/cameras", {"name": "gate", "url": "rtsp://192.0.2.1/"}).get_json()["id"]
    assert anonymous.get(f"/cameras/{camera_id}/live.m3u8").status_code == 401
    assert anonymous.get(f"/cameras/{camera_id}/live/parts.m3u8").status_code == 401
    assert anonymous.get(f"/cameras/{camera_id}/live/20261124-093338-123.mp4").status_code == 401
    url_token = viewer.post("/auth/stream-token").get_json()["access"]
    entrance = anonymous.get(f"/cameras/{camera_id}/live.m3u8?access={url_token}")
    assert entrance.status_code == 200
    playback_token = entrance.text.partition("access=")[2].strip()
    assert (
        anonymous.get(f"/cameras/{camera_id}/live/20261124-093338-123.mp4?access={playback_token}").status_code == 404
    )
    assert anonymous.get(f"/cameras/{camera_id}/live/20261124-093338-123.mp4?access={url_token}").status_code == 401
    assert anonymous.get(f"/cameras/{camera_id}/snapshot?access={playback_token}").status_code == 401
    assert code_of(viewer.get("/cameras/999/live.m3u8")) == (404, "camera_not_found")
