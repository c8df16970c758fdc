"""Playlists, the time line and contact sheets, on real segment files."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from core.clock import iso_utc
from core.settings import Settings
from storage.database import Database
from storage.events import EventStore
from storage.kept_frames import KeptFrame, KeptFrameStore
from storage.media import Media, decode_jpeg, encode_jpeg, kept_frame_path
from storage.motion_spans import MotionSpan, MotionSpanStore
from storage.recordings_check import Fault, check_recordings
from storage.segments import Segment, SegmentStore
from tests.support.api_client import ApiClient, code_of
from tests.support.installation import START
from tests.support.numbered import numbered_frames, read_counter
from tests.support.recordings import numbers_in, write_segments
from tests.support.stored import an_event


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
