"""What lay on a machine and is on another one's disk now: by a restore, or since its name changed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.api.factory import create_app
from core.clock import SystemClock
from core.settings import Settings, load_settings
from storage.backup.backup import back_up
from storage.backup.restore import restore
from storage.cameras import CameraStore
from storage.clips.maker import ClipMaker
from storage.clips.store import Clip, new_clip_id
from storage.database import Database
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media
from storage.node_rows import named_nodes
from storage.retention.passes import RetentionPass
from storage.secrets import Secrets
from storage.segments import SegmentStore
from tests.support.api_client import ApiClient, password_of
from tests.support.machines import JPEG, SEGMENTS, Machines
from tests.support.manual_clock import ManualClock
from tests.support.processes import CAMREC
from tests.support.recordings import GOP_S

pytestmark = pytest.mark.integration


@pytest.fixture
def restored(machines: Machines, tmp_path: Path) -> Iterator[tuple[Settings, Database]]:
    """What machine ``b`` backed up, restored on a machine ``c`` that shares nothing with it."""
    CameraStore(machines.database, Secrets.of(machines.there)).all()  # as its recorder does: it has the key now
    back_up(machines.there, tmp_path / "backup", SystemClock(), media=True)
    data = tmp_path / "c"
    environ = {name: value for name, value in os.environ.items() if name.startswith("CAMREC_")}
    there = load_settings({**environ, "CAMREC_DATA": str(data), "CAMREC_NODE": "c"}, tmp_path / "no.env")
    about = restore(there, tmp_path / "backup", data)
    assert (about["node"], "CAMREC_NODE" in about["settings"]) == ("b", False)
    database = Database(there)
    yield there, database
    database.close()


def test_a_restored_machine_needs_no_further_command(machines: Machines, restored: tuple[Settings, Database]) -> None:
    there, database = restored
    api = ApiClient(create_app(there)).log_in("operator", password_of("operator"))
    start, camera_id = machines.start, machines.camera.id
    assert api.get(f"/events/{machines.event.id}/snapshot").data == JPEG
    assert api.get(f"/clips/{machines.clip}/download").status_code == 200
    assert api.get(f"/cameras/{camera_id}/playback.m3u8?from={start}&to={start + 8}").status_code == 200
    segment = SegmentStore(database).files(camera_id, start, start + 1)[0]
    assert api.get(f"/segments/{segment.id}.mp4").status_code == 200
    assert "media" not in api.get("/health").get_json()["parts"], "nothing stands under a strange name"
    maker = ClipMaker.of(there, database, ManualClock(time.time()))
    asked = maker.clips.ask(Clip(new_clip_id(), camera_id, start, start + SEGMENTS * GOP_S))
    made = maker.make(asked.id)
    assert made is not None
    assert (made.state, made.gaps) == ("done", ()), made.error
    removed = RetentionPass(there, database, Media(there.media_dir, "c"), "c").run(start + 1e8)
    assert removed == {"continuous": SEGMENTS, "event": 0, "frame": 1, "clip": 2}
    assert not list((there.media_dir / "recordings").rglob("*.mp4"))


def test_rows_of_a_machine_that_nobody_is_are_told_and_adopted_without_redis(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machine ``b`` is named ``b-2`` now."""
    part = machines.api().get("/health").get_json()["parts"]["media"]
    assert (part["status"], part["unknown"], "camrec nodes adopt" in part["message"]) == ("degraded", ["b"], True)

    monkeypatch.setenv("CAMREC_REDIS_URL", "redis://127.0.0.1:1/0")
    for name, value in {**machines.environ, "CAMREC_NODE": "b-2"}.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run([*CAMREC, "nodes", "adopt", "b"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Redis cannot be asked whether b is alive" in done.stderr
    assert named_nodes(machines.database) == {"b-2"}


def test_rows_that_are_older_than_names_are_left_alone_by_others_when_adopted(machines: Machines) -> None:
    nameless = KeptFrame(machines.camera.id, machines.start, "frames/1/nameless.jpg", 32, 24, 100)
    KeptFrameStore(machines.database).add([nameless])
    done = subprocess.run([*CAMREC, "nodes", "adopt", "--unnamed"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.partition(";")[0]) == (0, "1 rows of no machine are those of a now")
    (there, here) = (
        RetentionPass(s, machines.database, Media(s.media_dir, s.node), s.node) for s in (machines.there, machines.here)
    )
    assert there.run(machines.start + 1e8)["frame"] == 1, "its own"
    assert here.run(machines.start + 1e8)["frame"] == 1


@pytest.mark.parametrize("arguments", [(), ("b", "--unnamed")], ids=["neither", "both"])
def test_adopt_wants_a_name_or_none(settings: Settings, arguments: tuple[str, ...]) -> None:
    done = subprocess.run([*CAMREC, "nodes", "adopt", *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "Either NAME or --unnamed" in done.stderr) == (2, True), done.stderr
