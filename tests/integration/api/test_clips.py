"""Clips that somebody asks for, on real segment files; the job runs in the test's own process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from core.clock import SystemClock, iso_utc
from core.settings import Settings
from core.types import Event
from storage.clips.maker import ClipMaker
from storage.clips.manifest import public_bytes, verify
from storage.clips.store import MOST_ATTEMPTS, SILENT_S, Clip, ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.media import clip_path
from storage.secrets import Secrets
from storage.segments import Segment
from tests.support.api_client import ApiClient, code_of
from tests.support.installation import START
from tests.support.manual_clock import ManualClock
from tests.support.processes import CAMREC
from tests.support.recordings import numbers_in
from tests.support.stored import an_event


def new_clip(client: ApiClient, camera_id: int, from_s: float, to_s: float) -> str:
    answer = client.post("/clips", {"camera_id": camera_id, "from": iso_utc(from_s), "to": to_s})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/api/v1/clips/{answer.get_json()['id']}"
    return str(answer.get_json()["id"])


def test_a_clip_from_asking_to_verifying(
    settings: Settings,
    login: Callable[[str], ApiClient],
    camera_id: int,
    segments: list[Segment],
    work: Callable[[str], bool],
    tmp_path: Path,
) -> None:
    operator, viewer = login("operator"), login("viewer")
    clip_id = new_clip(operator, camera_id, START + 4, START + 26)
    asked = viewer.get(f"/clips/{clip_id}").get_json()
    assert (asked["state"], asked["progress"], asked["created_by"]) == ("queued", 0, "operator")
    assert code_of(viewer.get(f"/clips/{clip_id}/download")) == (409, "clip_not_done")
    work(clip_id)
    done = viewer.get(f"/clips/{clip_id}").get_json()
    assert (done["state"], done["progress"], done["error"]) == ("done", 1, None)
    assert [(g["from"], g["to"], g["reason"]) for g in done["gaps"]] == [
        (iso_utc(START + 10), iso_utc(START + 20), "not_recorded")
    ]
    answer = viewer.get(f"/clips/{clip_id}/download")
    assert (answer.status_code, answer.mimetype) == (200, "video/mp4")
    assert len(answer.data) == done["size_bytes"]
    assert numbers_in(answer.data) == [*range(100, 250), *range(150)]

    part = viewer.get(f"/clips/{clip_id}/download", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, answer.data[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(answer.data)}"
    assert viewer.get(f"/clips/{clip_id}/download", headers={"Range": "bytes=99999999-"}).status_code == 416

    file = tmp_path / "download.mp4"
    file.write_bytes(answer.data)
    manifest = viewer.get(f"/clips/{clip_id}/manifest").data
    found = verify(file, manifest, public_bytes(Secrets(settings.data).signing_key()))
    assert found["camera"] == {"id": camera_id, "name": "gate"}
    assert len(found["segments"]) == 6

    assert [c["id"] for c in viewer.get("/clips").get_json()["items"]] == [clip_id]
    assert operator.delete(f"/clips/{clip_id}").status_code == 204
    assert code_of(viewer.get(f"/clips/{clip_id}")) == (404, "clip_not_found")
    assert not list((settings.media_dir / "clips").rglob("*.mp4*"))


@pytest.mark.parametrize("variant", ["timestamp", "boxes"])
def test_what_is_drawn_is_signed_as_such(
    settings: Settings,
    operator: ApiClient,
    seen_event: Event,
    work: Callable[[str], bool],
    variant: str,
    tmp_path: Path,
) -> None:
    camera_id = seen_event.camera_id
    body = {"camera_id": camera_id, "from": START + 5, "to": START + 9, "variant": variant}
    clip_id = operator.post("/clips", body).get_json()["id"]
    work(clip_id)
    done = operator.get(f"/clips/{clip_id}").get_json()
    assert (done["state"], done["variant"], done["error"]) == ("done", variant, None)
    (tmp_path / "clip.mp4").write_bytes(operator.get(f"/clips/{clip_id}/download").data)
    manifest = operator.get(f"/clips/{clip_id}/manifest").data
    found = verify(tmp_path / "clip.mp4", manifest, public_bytes(Secrets(settings.data).signing_key()))
    assert (found["clip"]["variant"], found["duration_ms"]) == (variant, 4000)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        pictures = [(f.time, f.to_ndarray(format="bgr24")) for f in container.decode(video=0)]
    assert len(pictures) == 100
    assert all(picture[3, 3].max() < 60 for _, picture in pictures), "the time stands on black at the top left"
    tall = [bool(picture[23, 100].max() < 40) for _, picture in pictures]
    assert any(tall) == (variant == "boxes")
    if variant == "boxes":
        shown = [at for (at, _), is_tall in zip(pictures, tall, strict=True) if is_tall]
        assert [min(shown), max(shown)] == pytest.approx([1.0, 3.0], abs=0.05)
    assert sorted(p.name for p in (settings.media_dir / "clips").rglob("*.*")) == [
        f"{clip_id}.mp4",
        f"{clip_id}.mp4.manifest.json",
    ]


def test_a_cancelled_clip_is_not_made(
    settings: Settings, operator: ApiClient, camera_id: int, segments: list[Segment], work: Callable[[str], bool]
) -> None:
    clip_id = new_clip(operator, camera_id, START, START + 5)
    assert operator.delete(f"/clips/{clip_id}").status_code == 204
    assert operator.get(f"/clips/{clip_id}").get_json()["state"] == "cancelled"
    work(clip_id)
    assert operator.get(f"/clips/{clip_id}").get_json()["state"] == "cancelled"
    assert not list(settings.media_dir.rglob("clips/*/*"))
    assert operator.delete(f"/clips/{clip_id}").status_code == 204
    assert operator.get(f"/clips/{clip_id}").status_code == 404


def test_cancelling_stops_the_work(
    settings: Settings, database: Database, operator: ApiClient, camera_id: int, segments: list[Segment]
) -> None:
    clip_id = new_clip(operator, camera_id, START, START + 30)
    maker = ClipMaker.of(settings, database, SystemClock())

    class CancelsAfterTheFirstSegment(ClipStore):
        def progressed(self, begun: Clip, share: float) -> bool:
            assert operator.delete(f"/clips/{begun.id}").status_code == 204
            return super().progressed(begun, share)

    object.__setattr__(maker, "clips", CancelsAfterTheFirstSegment(database))
    made = maker.make(clip_id)
    assert made is not None
    assert made.state == "cancelled"
    assert not list(settings.media_dir.rglob("clips/*/*"))


def test_a_second_delivery_changes_nothing(
    operator: ApiClient, camera_id: int, segments: list[Segment], work: Callable[[str], bool]
) -> None:
    clip_id = new_clip(operator, camera_id, START, START + 5)
    work(clip_id)
    first = operator.get(f"/clips/{clip_id}/download").data
    work(clip_id)
    assert operator.get(f"/clips/{clip_id}/download").data == first


def test_a_clip_whose_worker_died_is_found(
    database: Database, operator: ApiClient, camera_id: int, segments: list[Segment]
) -> None:
    clip_id = new_clip(operator, camera_id, START, START + 5)
    clock = ManualClock(time.time())
    clips = ClipStore(database, clock.now)
    assert clips.begin(clip_id) is not None
    clock.advance(SILENT_S - 1)
    assert clips.stalled(clock.now() - SILENT_S, 10) == []
    clock.advance(2)
    assert clips.stalled(clock.now() - SILENT_S, 10) == [clip_id]
    taken_over = clips.begin(clip_id)
    assert taken_over is not None
    assert taken_over.attempts == 2


def test_a_clip_that_is_being_made_is_not_begun_again(
    database: Database, operator: ApiClient, camera_id: int, segments: list[Segment]
) -> None:
    clip_id = new_clip(operator, camera_id, START, START + 5)
    clock = ManualClock(time.time())
    clips = ClipStore(database, clock.now)
    begun = clips.begin(clip_id)
    assert begun is not None
    for minute in range(1, 10):
        assert clips.begin(clip_id) is None, "woken twice"
        clock.advance(SILENT_S - 1)
        assert clips.progressed(begun, minute / 10)
        clock.advance(2)
    assert clips.begin(clip_id) is None
    found = clips.get(clip_id)
    assert found is not None
    assert (found.state, found.attempts, found.progress) == ("running", 1, 0.9)
    assert clips.cancel(clip_id)
    clock.advance(2 * SILENT_S)
    assert clips.begin(clip_id) is None, "cancelled"


def test_a_clip_that_kills_its_workers_fails_at_last(
    database: Database, operator: ApiClient, camera_id: int, segments: list[Segment], work: Callable[[str], bool]
) -> None:
    event = an_event(camera_id, START + 6, ended_at=START + 8)
    EventStore(database).put([(event, None)], epoch=1)
    clip_id = operator.get(f"/events/{event.id}/clip").get_json()["id"]
    clock = ManualClock(time.time() - (MOST_ATTEMPTS + 1) * SILENT_S)
    clips = ClipStore(database, clock.now)
    for _ in range(MOST_ATTEMPTS):
        assert clips.begin(clip_id) is not None  # and the worker ends without a word
        clock.advance(SILENT_S + 1)
    work(clip_id)
    failed = operator.get(f"/clips/{clip_id}").get_json()
    assert (failed["state"], failed["error"]) == (
        "failed",
        "Its worker ended 3 times while making it; the log may say why.",
    )
    assert clips.stalled(time.time() + 1, 10) == []
    clips.ask(replace(clips.get(clip_id) or Clip("", 0, 0, 0)))
    work(clip_id)
    assert operator.get(f"/clips/{clip_id}").get_json()["state"] == "done"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({"from": START, "to": START - 1}, 422, "invalid", id="backwards"),
        pytest.param({"from": START, "to": START + 7201}, 422, "invalid", id="too long"),
        pytest.param({"from": START, "to": START + 5, "variant": "x"}, 422, "invalid", id="no such variant"),
        pytest.param({"from": START + 12, "to": START + 18}, 404, "no_recording", id="in the gap"),
        pytest.param({"from": START, "to": START + 5, "camera_id": 999}, 404, "camera_not_found", id="no camera"),
    ],
)
def test_refusals(
    operator: ApiClient, camera_id: int, segments: list[Segment], body: dict[str, object], status: int, code: str
) -> None:
    assert code_of(operator.post("/clips", {"camera_id": camera_id, **body})) == (status, code)
    assert operator.get("/clips").get_json()["items"] == []


@pytest.mark.parametrize("changed", [False, True], ids=["as it was signed", "changed"])
def test_the_command_that_verifies(
    settings: Settings,
    operator: ApiClient,
    camera_id: int,
    segments: list[Segment],
    work: Callable[[str], bool],
    changed: bool,
) -> None:
    clip_id = new_clip(operator, camera_id, START, START + 5)
    work(clip_id)
    file = settings.media_dir / clip_path(clip_id, START)
    if changed:
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    done = subprocess.run(
        [*CAMREC, "clips", "verify", str(file)], cwd=settings.data, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == changed, done.stderr
    assert ("is not the file that was signed" in done.stderr) is changed
    assert (f"genuine: camera {camera_id} gate" in done.stdout) is not changed
