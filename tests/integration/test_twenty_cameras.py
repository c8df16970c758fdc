"""Twenty cameras on a small machine: what happens to three of them is nothing to the other seventeen."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from app.ports import free_port
from tests.support.numbered import numbered_frames
from tests.support.processes import Children, children
from tests.support.running_system import RunningSystem, running_system
from tests.support.waiting import wait_until

FPS, GOP_S = 15, 2
WELL = 17
MAX_AGE_S = max(2.0, 1.5 * GOP_S)
SAYS_WHY_S = 15


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    write_video(path, numbered_frames(FPS * 10, 640, 360), FPS, gop_s=GOP_S)
    return path


@pytest.fixture
def doomed(tmp_path: Path, film: Path) -> Iterator[tuple[Children, int]]:
    """A camera in a process of its own, so that it can be killed."""
    with children(tmp_path) as processes:
        yield processes, free_port()


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSystem]:
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as frame_dir,
        running_system(tmp_path, monkeypatch, frame_dir=frame_dir) as found,
    ):
        yield found


def test_three_ill_cameras_are_nothing_to_the_other_seventeen(
    film: Path, doomed: tuple[Children, int], system: RunningSystem
) -> None:
    processes, port = doomed
    guarded = RtspServer({"guarded": film}, auth=("user", "right"))
    with RtspServer({f"well{n}": film for n in range(WELL)} | {"stalling": film}) as server, guarded:
        well = [add(system, f"well{n}", server.url(f"well{n}")) for n in range(WELL)]
        stalling = add(system, "stalling", server.url("stalling"))
        killed_process = serve(processes, film, port)
        killed = add(system, "killed", f"rtsp://127.0.0.1:{port}/film")
        wait_until(lambda: all(is_streaming(system, c) for c in [*well, stalling, killed]), "all 19 stream", 60)
        reconnects = {c: system.camera_status(c)["reconnects"] for c in well}

        locked = add(system, "locked", guarded.url("guarded").replace("right", "wrong"))
        server.set_fault("stalling", "stall")
        killed_process.kill()
        expected = {locked: {"auth_failed"}, stalling: {"timeout"}, killed: {"refused"}}
        oldest = dict.fromkeys(well, 0.0)

        def all_say_why() -> bool:
            for camera in well:
                oldest[camera] = max(oldest[camera], system.camera_status(camera)["frame_age_s"])
            return all(system.camera_status(c).get("reason") in reasons for c, reasons in expected.items())

        wait_until(all_say_why, "the three say why", SAYS_WHY_S)
        assert max(oldest.values()) <= MAX_AGE_S, oldest

        server.set_fault("stalling", None)
        serve(processes, film, port)
        system.api.call("PATCH", f"/cameras/{locked}", {"url": guarded.url("guarded")})

        def all_are_back() -> bool:
            for camera in well:
                oldest[camera] = max(oldest[camera], system.camera_status(camera)["frame_age_s"])
            return all(is_streaming(system, c) for c in expected)

        wait_until(all_are_back, "the three are back", 75)
        assert max(oldest.values()) <= MAX_AGE_S, oldest
        assert {c: system.camera_status(c)["reconnects"] for c in well} == reconnects


def add(system: RunningSystem, name: str, url: str) -> int:
    body = {"name": name, "url": url, "recognitions": [{"kind": "plates", "fps": 1}]}
    return int(system.api.call("POST", "/cameras", body)["id"])


def is_streaming(system: RunningSystem, camera_id: int) -> bool:
    return system.camera_status(camera_id).get("state") == "streaming"


def serve(processes: Children, film: Path, port: int) -> subprocess.Popen[bytes]:
    return processes.start("serve-rtsp", str(film), "--port", str(port))
