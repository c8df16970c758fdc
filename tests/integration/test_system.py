"""`camrec up` as a whole: killed processes come back, cameras change while it runs, nothing is left behind."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.demo.rtsp import RtspServer
from app.demo.street import write_street
from tests.support.processes import CAMREC
from tests.support.running_system import RunningSystem, running_system
from tests.support.waiting import wait_until

RECOVERY_S = 30


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    path = tmp_path_factory.mktemp("street") / "street.mp4"
    return path, set(write_street(path, seed=5, duration_s=20))


@pytest.fixture(scope="module")
def module_monkeypatch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, module_monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSystem]:
    folder = tmp_path_factory.mktemp("a system")
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as frame_dir,
        running_system(folder, module_monkeypatch, frame_dir=frame_dir) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def server(street: tuple[Path, set[str]]) -> Iterator[RtspServer]:
    with RtspServer({"one": street[0], "two": street[0], "three": street[0]}) as found:
        yield found


@pytest.fixture(scope="module")
def camera_id(system: RunningSystem, server: RtspServer) -> int:
    # The film begins anew every 20 s: a car that comes again so soon would be taken for one that had stayed.
    plates = {"kind": "plates", "fps": 4, "settings": {"gone_s": 2.0, "again_s": 4.0}}
    body = {"name": "one", "url": server.url("one"), "recognitions": [plates]}
    found = int(system.api.call("POST", "/cameras", body)["id"])
    wait_until(system.events, "the first event", 60)
    return found


def test_events_have_the_plates_that_were_driven_past(
    system: RunningSystem, camera_id: int, street: tuple[Path, set[str]]
) -> None:
    seen = {event["text"] for event in system.events()}
    assert seen & street[1], f"{seen} of {street[1]}"


def test_cameras_change_while_others_go_on(system: RunningSystem, server: RtspServer, camera_id: int) -> None:
    """Each change takes effect within 5 seconds, and the first camera's stream is never touched."""
    reconnects = system.camera_status(camera_id)["reconnects"]
    body = {"name": "two", "url": server.url("two"), "recognitions": []}
    added = int(system.api.call("POST", "/cameras", body)["id"])
    wait_until(lambda: system.camera_status(added).get("state") == "streaming", "the new camera streams", 5)
    system.api.call("PUT", f"/cameras/{added}", {**body, "url": server.url("three")})
    wait_until(lambda: any("/three" in url for _, url in server.requests), "the new URL is opened", 5)
    system.api.call("PATCH", f"/cameras/{added}", {"enabled": False})
    wait_until(lambda: system.camera_status(added).get("state") == "disabled", "it is disabled", 5)
    system.api.call("DELETE", f"/cameras/{added}")
    wait_until(lambda: not system.camera_status(added), "it is gone", 5)
    assert system.camera_status(camera_id)["reconnects"] == reconnects


@pytest.mark.parametrize("name", ["worker-frames-cpu", "capture", "worker-events", "redis", "api", "beat"])
def test_a_killed_process_comes_back(system: RunningSystem, camera_id: int, name: str) -> None:
    """Under load: within 30 seconds the camera streams, frames are judged and health is well again."""
    system.kill(name)
    killed_at = time.time()

    def is_back() -> bool:
        status, health = system.camera_status(camera_id), system.health()
        fresh = [e for e in _recent(system) if e > killed_at]
        return status.get("state") == "streaming" and health is not None and health["status"] == "ok" and bool(fresh)

    wait_until(lambda: _has_noticed(system.health(), name), f"health notices that {name} is gone", 10)
    wait_until(is_back, f"everything is back after kill -9 of {name}", RECOVERY_S)


def test_no_event_was_doubled_by_all_that(system: RunningSystem, camera_id: int) -> None:
    """One plate in one pass is one event: no two events of the same text overlap in time."""
    spans: dict[str, list[tuple[str, str]]] = {}
    for event in system.events():
        spans.setdefault(event["text"], []).append((event["started_at"], event["ended_at"] or "9"))
    for text, found in spans.items():
        found.sort()
        for (_, ended), (started, _) in itertools.pairwise(found):
            assert ended < started, f"{text}: {found}"


def test_a_second_up_on_the_same_folder_is_refused(system: RunningSystem, camera_id: int) -> None:
    run = subprocess.run(
        [*CAMREC, "up", "--data", str(system.data), "--port", "1"], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 1
    assert "already" in run.stderr
    assert system.camera_status(camera_id)["state"] == "streaming"


def test_sigterm_ends_all_of_it(system: RunningSystem, camera_id: int) -> None:
    """The last test of this module: it stops the system."""
    code, left = system.stop()
    assert code == 0
    assert not left
    assert (
        not list(Path("/dev/shm").glob("camrec-*/camera-*")) or not (system.data / "run" / "supervisor.json").exists()
    )


def _has_noticed(health: dict[str, Any] | None, name: str) -> bool:
    """The API itself cannot say so while it is gone; of beat, health says that it was restarted."""
    if health is None or health["status"] != "ok":
        return True
    processes = health["parts"]["supervisor"]["processes"]
    return any(p["name"] == name and p["last_exit"] == "SIGKILL" for p in processes)


def _recent(system: RunningSystem) -> list[float]:
    return [datetime.fromisoformat(event["started_at"]).timestamp() for event in system.events()[:20]]
