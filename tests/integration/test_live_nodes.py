"""A camera that one machine captures is watched live through the API of another."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from storage.camera import Recording
from tests.support.api_client import BASE, code_of
from tests.support.live_player import LivePlayer
from tests.support.machines import Machines
from tests.support.numbered import numbered_frames
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


FPS = 15
VIDEO_S = 30


def test_cameras_that_another_machine_captures_are_watched_live(machines: Machines, tmp_path: Path) -> None:
    video = tmp_path / "gate.mp4"
    write_video(video, numbered_frames(VIDEO_S * FPS), FPS, gop_s=1)
    with RtspServer({"gate": video}) as rtsp:
        gate = replace(machines.camera, url=rtsp.url("gate"), recording=Recording("continuous"))
        yard = replace(gate, id=0, name="yard", recording=Recording("events"))
        ids = [machines.cameras.change(gate).id, machines.cameras.add(yard).id]
        machines.serve()
        machines.processes.start("capture", environ=machines.environ)
        api = machines.api()
        players = [LivePlayer(api, camera_id).start() for camera_id in ids]

        def have_parts() -> bool:
            answers = [api.get(player.parts_url.removeprefix(BASE)) for player in players]
            if any(answer.status_code == 503 for answer in answers):
                return False
            return all(player.poll() and len(player.listed) >= 4 for player in players)

        wait_until(have_parts, "four parts of each", 40)
        for player in players:
            steps = {(after - before) % (VIDEO_S * FPS) for before, after in pairwise(player.pictures())}
            assert steps == {1}, "every picture once"
        gone = players[0].parts_url.removeprefix(BASE).replace("parts.m3u8", "20260101-000000-000.mp4")
        assert code_of(api.get(gone)) == (404, "segment_not_found")
