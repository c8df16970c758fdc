"""Clips, playlists and the time line, on real segment files; the job runs in the test's own process."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import av
import pytest
from flask import Flask

from app.api.clips import limit
from app.api.services import services
from app.demo.footage import numbered_frames, read_counter
from core.clock import SystemClock, iso_utc
from core.settings import Settings
from core.types import Event
from storage.clips.maker import ClipMaker
from storage.clips.manifest import public_bytes, verify
from storage.clips.store import MOST_ATTEMPTS, SILENT_S, Clip, ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media, clip_path, decode_jpeg, encode_jpeg, kept_frame_path
from storage.motion_spans import MotionSpan, MotionSpanStore
from storage.recordings_check import Fault, check_recordings
from storage.secrets import Secrets
from storage.segments import Segment, SegmentStore
from tests.support.api_client import ApiClient, code_of
from tests.support.manual_clock import ManualClock
from tests.support.processes import CAMREC
from tests.support.recordings import write_segments
from tests.support.stored import an_event

START = 1_795_435_200.0


@pytest.fixture
def camera_id(operator: ApiClient) -> int:
    return int(operator.post("/cameras", {"name": "gate", "url": "rtsp://192.0.2.1/"}).get_json()["id"])


@pytest.fixture
def segments(settings: Settings, database: Database, camera_id: int) -> list[Segment]:
    """Two runs of ten seconds with a gap of ten between them."""
    found = write_segments(settings.media_dir, camera_id, START, 5, run="one")
    found += write_segments(settings.media_dir, camera_id, START + 20, 5, run="two")
    SegmentStore(database).add(found)
    return found


@pytest.fixture
def work(settings: Settings, database: Database) -> Callable[[str], bool]:
    """What a worker does with a clip."""
    maker = ClipMaker.of(settings, database, SystemClock())
    return lambda clip_id: maker.make(clip_id) is not None


def numbers_in(data: bytes) -> list[int]:
    with av.open(BytesIO(data), "r") as container:
        return [read_counter(f.to_ndarray(format="bgr24")) for f in container.decode(video=0)]


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


@pytest.fixture
def seen_event(database: Database, camera_id: int, segments: list[Segment]) -> Event:
    """From second 6 to 8 of the recording."""
    event = an_event(camera_id, START + 6, ended_at=START + 8)
    EventStore(database).put([(event, None)], epoch=1)
    return event


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


def test_the_clip_of_an_event(
    database: Database, viewer: ApiClient, camera_id: int, segments: list[Segment], work: Callable[[str], bool]
) -> None:
    event = an_event(camera_id, START + 6, ended_at=START + 8)
    EventStore(database).put([(event, None)], epoch=1)
    url = f"/events/{event.id}/clip"
    answer = viewer.get(url)
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "2")
    work(answer.get_json()["id"])
    answer = viewer.get(url)
    assert (answer.status_code, answer.mimetype) == (200, "video/mp4")
    assert numbers_in(answer.data) == list(range(25, 250))  # from 5 s before it; after 10 s nothing was recorded
    assert viewer.get(url, headers={"Range": "bytes=0-99"}).status_code == 206
    assert viewer.get(f"{url}/manifest").get_json()["manifest"]["camera"]["id"] == camera_id


@pytest.mark.parametrize("variant", ["timestamp", "boxes"])
def test_the_clip_of_an_event_with_something_drawn_on_it(
    database: Database,
    settings: Settings,
    viewer: ApiClient,
    seen_event: Event,
    work: Callable[[str], bool],
    variant: str,
) -> None:
    plain, url = f"/events/{seen_event.id}/clip", f"/events/{seen_event.id}/clip?variant={variant}"
    work(viewer.get(plain).get_json()["id"])
    as_recorded = viewer.get(plain).data
    answer = viewer.get(url)
    asked = answer.get_json()
    assert (answer.status_code, answer.headers["Retry-After"], asked["variant"]) == (202, "2", variant)
    assert code_of(viewer.get(f"{plain}/manifest?variant={variant}")) == (404, "no_clip")
    assert viewer.get(url).get_json()["id"] == asked["id"], "asked for twice, made once"
    assert ClipStore(database).unfinished(drawn=True) == 1
    assert viewer.get(asked["links"]["self"].removeprefix("/api/v1")).get_json()["state"] == "queued"
    work(asked["id"])
    drawn = viewer.get(url)
    assert (drawn.status_code, drawn.mimetype) == (200, "video/mp4")
    with av.open(BytesIO(drawn.data), "r") as container:
        pictures = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
    assert len(pictures) == len(numbers_in(as_recorded)) == 225
    assert all(picture[3, 3].max() < 60 for picture in pictures), "the time stands on black at the top left"
    assert viewer.get(f"{plain}/manifest?variant={variant}").get_json()["manifest"]["clip"]["variant"] == variant
    assert viewer.get(plain).data == as_recorded, "the evidence is another file"
    assert len(list((settings.media_dir / "clips").rglob("*.mp4"))) == 2
    assert [c["id"] for c in viewer.get("/clips").get_json()["items"]] == [], "those of events are not listed"


def test_an_unknown_variant_of_an_event_clip(viewer: ApiClient, seen_event: Event) -> None:
    assert code_of(viewer.get(f"/events/{seen_event.id}/clip?variant=x")) == (422, "invalid")


@pytest.mark.parametrize("most", ["MOST_DRAWN", "MOST_DRAWN_OF_ONE_USER"])
def test_too_many_clips_that_are_drawn_on(
    login: Callable[[str], ApiClient], seen_event: Event, monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    url = f"/events/{seen_event.id}/clip"
    monkeypatch.setattr(limit, most, 1)
    monkeypatch.setattr(limit, "MOST_UNFINISHED", 1)
    viewer, operator = login("viewer"), login("operator")
    assert viewer.get(f"{url}?variant=boxes").status_code == 202
    assert code_of(viewer.get(f"{url}?variant=timestamp")) == (429, "too_many_clips")
    assert viewer.get(url).status_code == 202, "every event gets that one anyway"
    body = {"camera_id": seen_event.camera_id, "from": START, "to": START + 5}
    another = operator.post("/clips", {**body, "variant": "boxes"})
    assert another.status_code == (202 if most == "MOST_DRAWN_OF_ONE_USER" else 429)
    assert operator.post("/clips", body).status_code == 202, "what is drawn on takes nobody's place"
    assert code_of(operator.post("/clips", body)) == (429, "too_many_clips")


def test_the_clip_of_an_event_that_went_on_is_made_anew(
    database: Database, viewer: ApiClient, camera_id: int, segments: list[Segment], work: Callable[[str], bool]
) -> None:
    event = an_event(camera_id, START + 1, ended_at=None)
    EventStore(database).put([(event, None)], epoch=1)
    url = f"/events/{event.id}/clip"
    work(viewer.get(url).get_json()["id"])
    assert numbers_in(viewer.get(url).data) == list(range(175))  # up to its best picture, and 5 s
    EventStore(database).put([(an_event(camera_id, START + 1, ended_at=START + 5), None)], epoch=1)
    answer = viewer.get(url)
    assert answer.status_code == 202
    work(answer.get_json()["id"])
    assert numbers_in(viewer.get(url).data) == list(range(250))


@pytest.mark.parametrize("recording_is_gone", [False, True], ids=["recorded", "recording gone"])
def test_a_clip_stays_when_the_camera_gets_another_post_roll(
    database: Database,
    operator: ApiClient,
    seen_event: Event,
    segments: list[Segment],
    work: Callable[[str], bool],
    recording_is_gone: bool,
) -> None:
    url = f"/events/{seen_event.id}/clip"
    work(operator.get(url).get_json()["id"])
    before = operator.get(url).data
    if recording_is_gone:
        SegmentStore(database).forget([segment.path for segment in segments])
    recording = {"mode": "events", "pre_s": 5, "post_s": 10}
    assert operator.patch(f"/cameras/{seen_event.camera_id}", {"recording": recording}).status_code == 200
    assert operator.get(url).data == before


def test_the_clip_of_the_first_half_of_an_event_is_better_than_none(
    database: Database, viewer: ApiClient, camera_id: int, segments: list[Segment], work: Callable[[str], bool]
) -> None:
    event = an_event(camera_id, START + 1, ended_at=None)
    EventStore(database).put([(event, None)], epoch=1)
    url = f"/events/{event.id}/clip"
    work(viewer.get(url).get_json()["id"])
    half = viewer.get(url).data
    EventStore(database).put([(an_event(camera_id, START + 1, ended_at=START + 5), None)], epoch=1)
    SegmentStore(database).forget([segment.path for segment in segments])
    assert (viewer.get(url).status_code, viewer.get(url).data) == (200, half)


def test_events_without_a_clip(database: Database, viewer: ApiClient, camera_id: int) -> None:
    now = time.time()
    long_ago, just_now = an_event(camera_id, START + 500), an_event(camera_id, now - 3, ended_at=now)
    EventStore(database).put([(long_ago, None), (just_now, None)], epoch=1)
    assert code_of(viewer.get(f"/events/{long_ago.id}/clip")) == (404, "no_clip")
    assert viewer.get(f"/events/{just_now.id}/clip").status_code == 202
    assert code_of(viewer.get("/events/6f0f6a52-5d2b-5b0e-9a9c-0c3d7a1e4b77/clip")) == (404, "event_not_found")


def test_clips_of_events_are_asked_for_when_the_post_roll_is_in(
    app: Flask, database: Database, settings: Settings, operator: ApiClient, camera_id: int
) -> None:
    now = time.time()
    unrecorded = int(operator.post("/cameras", {"name": "yard", "url": "rtsp://192.0.2.2/"}).get_json()["id"])
    SegmentStore(database).add(write_segments(settings.media_dir, camera_id, now - 30, 5))
    early, late, goes_on, elsewhere = (
        an_event(camera_id, now - 27, ended_at=now - 26),
        an_event(camera_id, now - 22, ended_at=now - 20),  # its post-roll ends 5 s behind the last segment
        an_event(camera_id, now - 28, ended_at=None),
        an_event(unrecorded, now - 27, ended_at=now - 26),
    )
    EventStore(database).put([(e, None) for e in (early, late, goes_on, elsewhere)], epoch=1)
    with app.app_context():
        events = services().event_clips
    asked = events.ask_for_new(events.without_clip(now - 60, 100), now)
    assert [clip.event_id for clip in asked] == [early.id]
    ClipStore(database).ask(events.wanted(late, "boxes"))  # which does not stand for the one that every event gets
    asked = events.ask_for_new(events.without_clip(now - 60, 100), now + 60)
    assert [clip.event_id for clip in asked] == [late.id]
    assert events.ask_for_new(events.without_clip(now - 60, 100), now + 60) == []


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


def test_a_playlist_names_what_was_recorded(
    viewer: ApiClient, anonymous: ApiClient, camera_id: int, segments: list[Segment], settings: Settings
) -> None:
    answer = viewer.get(f"/cameras/{camera_id}/playback.m3u8?from={START + 3}&to={START + 25}")
    assert (answer.status_code, answer.mimetype) == (200, "application/vnd.apple.mpegurl")
    lines = answer.text.splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    assert [line for line in lines if line.startswith("#EXT-X-PROGRAM-DATE-TIME")] == [
        f"#EXT-X-PROGRAM-DATE-TIME:{iso_utc(START + 2)}",
        f"#EXT-X-PROGRAM-DATE-TIME:{iso_utc(START + 20)}",
    ]
    urls = [line for line in lines if line.startswith("/")]
    assert len(urls) == 7
    # Players send no headers: the URL alone must do, and for nothing else.
    data = anonymous.app.test_client().get(urls[0], headers={"Range": "bytes=0-"}).data
    assert data == (settings.media_dir / segments[1].path).read_bytes()
    token = urls[0].partition("access=")[2]
    assert anonymous.get(f"/cameras/{camera_id}/snapshot?access={token}").status_code == 401
    assert anonymous.app.test_client().get(urls[0].partition("?")[0]).status_code == 401
    header = next(line for line in lines if line.startswith("#EXT-X-MAP"))
    size = int(header.partition('BYTERANGE="')[2].partition("@")[0])
    assert data[size + 4 : size + 8] == b"moof"


def test_a_player_gets_by_byte_ranges_what_was_recorded(
    viewer: ApiClient, camera_id: int, segments: list[Segment], settings: Settings
) -> None:
    text = viewer.get(f"/cameras/{camera_id}/playback.m3u8?from={START}&to={START + 10}").text
    (init,) = re.findall(r'#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@0"', text)
    parts = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)", text)
    assert len(parts) == 5
    client = viewer.app.test_client()

    def fetched(url: str, offset: int, size: int) -> bytes:
        answer = client.get(url, headers={"Range": f"bytes={offset}-{offset + size - 1}"})
        assert (answer.status_code, len(answer.data)) == (206, size)
        return bytes(answer.data)

    data = fetched(init[0], 0, int(init[1])) + b"".join(fetched(u, int(at), int(size)) for size, at, u in parts)
    assert data.count(b"moov") == 1, "what is played has one header"
    assert numbers_in(data) == list(range(250))


def test_rows_from_before_byte_ranges_are_played_and_repaired(
    database: Database, viewer: ApiClient, camera_id: int, settings: Settings
) -> None:
    store = SegmentStore(database)
    made = write_segments(settings.media_dir, camera_id, START, 3)
    store.add([replace(segment, init_bytes=None) for segment in made])
    (settings.media_dir / made[1].path).unlink()
    url = f"/cameras/{camera_id}/playback.m3u8?from={START}&to={START + 10}"
    text = viewer.get(url).text
    assert text.count("#EXTINF") == 2, "a file that is gone is a gap"
    assert text.count("#EXT-X-DISCONTINUITY") == 1
    assert len(store.without_init_bytes(camera_id, "")) == 3
    found = check_recordings(settings.media_dir, store, "", repairs=True)
    assert {finding.fault for finding in found} >= {Fault.MISSING}
    assert store.without_init_bytes(camera_id, "") == []
    assert [s.init_bytes for s in store.between(camera_id, START, START + 10)] == [
        made[0].init_bytes,
        made[2].init_bytes,
    ]


def test_a_range_without_recordings(viewer: ApiClient, camera_id: int, segments: list[Segment]) -> None:
    url = f"/cameras/{camera_id}/playback.m3u8"
    assert code_of(viewer.get(f"{url}?from={START + 12}&to={START + 15}")) == (404, "no_recording")
    assert code_of(viewer.get(f"{url}?from={START}")) == (422, "invalid")
    assert code_of(viewer.get(f"{url}?from={START}&to={START + 8 * 86400}")) == (422, "invalid")


def test_a_playlist_of_a_day_comes_soon(
    database: Database, settings: Settings, viewer: ApiClient, camera_id: int
) -> None:
    one = write_segments(settings.media_dir, camera_id, START, 1)[0]
    day = [
        replace(
            one, started_at=START + 4 * n, ended_at=START + 4 * n + 4, duration_s=4, path=f"{n}.mp4" if n else one.path
        )
        for n in range(21_600)
    ]
    SegmentStore(database).add(day)
    url = f"/cameras/{camera_id}/playback.m3u8?from={START}&to={START + 86_400}"
    took_s = []
    for _ in range(3):
        began_at = time.perf_counter()
        answer = viewer.get(url)
        took_s.append(time.perf_counter() - began_at)
    assert answer.text.count("#EXTINF") == 21_600
    assert min(took_s) < 1.0  # 0.2 s on a quiet machine; the tests' machine is not


def test_a_playlist_has_a_limit(
    database: Database,
    settings: Settings,
    viewer: ApiClient,
    camera_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    SegmentStore(database).add(write_segments(settings.media_dir, camera_id, START, 3))
    monkeypatch.setattr("app.api.playback.routes.MOST_SEGMENTS", 2)
    answer = viewer.get(f"/cameras/{camera_id}/playback.m3u8?from={START}&to={START + 60}")
    assert code_of(answer) == (422, "range_too_long")
    end = START + 4
    assert f"to {iso_utc(end)} at most" in answer.get_json()["message"]
    assert viewer.get(f"/cameras/{camera_id}/playback.m3u8?from={START}&to={end}").text.count("#EXTINF") == 2


def test_motion_on_the_time_line(database: Database, viewer: ApiClient, camera_id: int) -> None:
    url = f"/cameras/{camera_id}/timeline?from={START}&to={START + 2000}"
    unknown = viewer.get(url).get_json()
    assert (unknown["motion"], unknown["motion_watched"], unknown["step_s"]) == (None, [], 1.0)
    spans = MotionSpanStore(database)
    spans.put([MotionSpan(camera_id, "watched", START - 100, START + 600)])
    assert viewer.get(url).get_json()["motion"] == []
    spans.put([MotionSpan(camera_id, "moving", START + at, START + at + 10) for at in (-5, 50, 60.5, 200)])
    spans.put([MotionSpan(camera_id + 1, "moving", START, START + 10)])
    found = viewer.get(url).get_json()
    assert found["motion"] == [
        {"from": iso_utc(START + start), "to": iso_utc(START + end)} for start, end in ((0, 5), (50, 70.5), (200, 210))
    ]
    assert found["motion_watched"] == [{"from": iso_utc(START), "to": iso_utc(START + 600)}]


def test_the_time_line(database: Database, viewer: ApiClient, camera_id: int, segments: list[Segment]) -> None:
    events = [an_event(camera_id, START + 5), an_event(camera_id, START + 22), an_event(camera_id, START + 500)]
    EventStore(database).put([(e, None) for e in events], epoch=1)
    found = viewer.get(f"/cameras/{camera_id}/timeline?from={START + 1}&to={START + 100}").get_json()
    assert found["recorded"] == [
        {"from": iso_utc(START + 1), "to": iso_utc(START + 10)},
        {"from": iso_utc(START + 20), "to": iso_utc(START + 30)},
    ]
    assert [e["id"] for e in found["events"]] == [events[0].id, events[1].id]
    assert found["events_left_out"] is False
    assert code_of(viewer.get(f"/cameras/999/timeline?from={START}&to={START + 1}")) == (404, "camera_not_found")


def test_the_time_line_has_no_more_spans_than_a_bar_has_points(
    database: Database, viewer: ApiClient, camera_id: int, segments: list[Segment]
) -> None:
    hour = [
        replace(segments[0], path=f"{n}.mp4", started_at=START + 100 + n, ended_at=START + 100.6 + n)
        for n in range(7200)
    ]
    SegmentStore(database).add(
        [*hour, replace(hour[-1], path="late.mp4", started_at=START + 7400, ended_at=START + 7500)]
    )
    found = viewer.get(f"/cameras/{camera_id}/timeline?from={START}&to={START + 8000}").get_json()
    assert found["step_s"] == 4.0
    assert [(span["from"], span["to"]) for span in found["recorded"]] == [
        (iso_utc(START + start), iso_utc(START + end))
        for start, end in ((0, 10), (20, 30), (100, 7299.6), (7400, 7500))
    ]


def test_a_contact_sheet(database: Database, settings: Settings, viewer: ApiClient, camera_id: int) -> None:
    media, kept = Media(settings.media_dir), []
    for second, pixels in enumerate(numbered_frames(60)):
        path = kept_frame_path(camera_id, START + second)
        data = encode_jpeg(pixels)
        media.write(path, data)
        kept.append(KeptFrame(camera_id, START + second, path, 320, 240, len(data)))
    KeptFrameStore(database).add(kept)
    url = f"/cameras/{camera_id}/contact-sheet?from={START}&to={START + 60}"
    sheet = decode_jpeg(viewer.get(f"{url}&count=6&width=972").data)
    assert sheet is not None
    height, width = sheet.shape[:2]
    assert (width, height) == (971, 2 * 241 + 4)
    cells = [
        sheet[row * 245 : row * 245 + 241, column * 325 : column * 325 + 321] for row in (0, 1) for column in (0, 1, 2)
    ]
    assert [read_counter(cell) for cell in cells] == [0, 10, 20, 30, 40, 50]
    assert code_of(viewer.get(f"/cameras/{camera_id}/contact-sheet?from={START + 99}&to={START + 100}")) == (
        404,
        "no_frame",
    )
