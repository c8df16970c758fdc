"""Cameras with sound: what is heard stays with what is seen, in recordings and in clips of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import av
import pytest
import redis

from app.demo.rtsp import RtspServer
from core.settings import Settings
from storage.camera import Camera, Recording
from storage.clips.cut import Source, cut
from storage.segments import Segment, SegmentStore
from tests.support.capture_process import CaptureProcess
from tests.support.flash_and_beep import beeps_s, flashes_s, worst_offset_s, write_flash_and_beep
from tests.support.http_cameras import HttpCameras
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

IN_STEP_S = 0.1
SEGMENTS = 3
RTSP = "rtsp"
# name of the camera: file, encoder, path at the camera, codec of the recording
CAMERAS = {
    "AAC": ("aac.mp4", "aac", "/live.ts", "aac"),
    "Opus": ("opus.mp4", "libopus", "/live.ts", "opus"),
    "G.711 mu-law": ("mulaw.mov", "pcm_mulaw", "/live.flv", "aac"),
    "G.711 A-law": ("alaw.mov", "pcm_alaw", "/live.flv", "aac"),
    "AAC over RTSP": ("aac.mp4", "aac", RTSP, "aac"),
    "G.711 over RTSP": ("alaw.mov", "pcm_alaw", RTSP, "aac"),
}

Recorded = dict[str, list[Segment]]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    for file, encoder in {(file, encoder) for file, encoder, _, _ in CAMERAS.values()}:
        write_flash_and_beep(folder / file, encoder, 20)
    return {name: folder / file for name, (file, *_) in CAMERAS.items()}


@pytest.fixture
def recorded(
    settings: Settings, redis_client: redis.Redis, films: dict[str, Path], tmp_path: Path
) -> Iterator[Recorded]:
    """Some segments of all cameras, recorded at the same time."""
    with ExitStack() as stack:
        capture = stack.enter_context(CaptureProcess(settings, redis_client))
        cameras: dict[str, Camera] = {}
        rtsp = stack.enter_context(RtspServer({n: f for n, f in films.items() if CAMERAS[n][2] == RTSP}))
        for number, (name, film) in enumerate(films.items()):
            if CAMERAS[name][2] == RTSP:
                url = rtsp.url(name)
            else:
                (folder := tmp_path / f"camera{number}").mkdir()
                url = stack.enter_context(HttpCameras(film, folder)).url(CAMERAS[name][2])
            cameras[name] = capture.add(name, url, recording=Recording("continuous"))
        store = SegmentStore(capture.database)

        def look() -> Recorded | None:
            found = {name: store.between(camera.id, 0.0, time.time() + 60) for name, camera in cameras.items()}
            return found if all(len(segments) >= SEGMENTS for segments in found.values()) else None

        yield wait_until(look, f"{SEGMENTS} segments of each camera", 45.0)


def codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in (*container.streams.video, *container.streams.audio)]


def lengths_s(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        streams = (*container.streams.video, *container.streams.audio)
        return [float((stream.duration or 0) * (stream.time_base or 0)) for stream in streams]


def test_sound_stays_in_step_in_segments_and_clips(recorded: Recorded, settings: Settings, tmp_path: Path) -> None:
    for name, segments in recorded.items():
        expected = ["h264", CAMERAS[name][3]]
        files = [settings.media_dir / segment.path for segment in segments]
        for segment, file in zip(segments, files, strict=True):
            assert segment.has_audio, name
            assert codecs(file) == expected, name
            assert worst_offset_s(file) < IN_STEP_S, name

        sources = [Source(f, s.started_at, s.ended_at, s.run) for s, f in zip(segments, files, strict=True)]
        from_s, to_s = segments[0].started_at + 1.7, segments[2].started_at + 2.2
        whole = tmp_path / "whole.mp4"
        result = cut(sources, from_s, to_s, whole)
        assert (len(result.parts), result.gaps) == (1, ()), name
        assert codecs(whole) == expected, name
        assert worst_offset_s(whole) < IN_STEP_S, name
        assert len(flashes_s(whole)) == len(beeps_s(whole)) == pytest.approx(to_s - from_s, abs=1.0), name

        holed = tmp_path / "holed.mp4"
        result = cut([sources[0], sources[2]], from_s, to_s, holed)
        (gap,) = result.gaps
        assert (gap.from_s, gap.to_s) == pytest.approx((segments[0].ended_at, segments[2].started_at), abs=0.3), name
        assert worst_offset_s(holed) < IN_STEP_S, name
        assert result.duration_s == pytest.approx(to_s - from_s - (gap.to_s - gap.from_s), abs=0.2), name
        assert lengths_s(holed) == pytest.approx([result.duration_s] * 2, abs=0.3), name
