"""Recordings of real RTSP streams: what was shown is in them, whatever happens meanwhile."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest
import redis

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from core import keys
from core.settings import Settings
from core.types import Event, FrameRef
from storage.camera import Camera, Recording
from storage.events import EventStore
from storage.segment_files import open_segment_paths, read_segment, whole_segment_paths
from storage.segments import Segment, SegmentStore
from tests.support.capture_process import CaptureProcess
from tests.support.numbered import numbered_frames, read_counter
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

FPS = 15
CLIP_FRAMES = 60 * FPS
"""A minute: longer than any test records, so that a number stands for one moment."""
CODECS = {"h264": "libx264", "hevc": "libx265"}
CONTINUOUS = Recording("continuous")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    for name, codec in CODECS.items():
        write_video(folder / f"{name}.mp4", numbered_frames(CLIP_FRAMES), FPS, codec, gop_s=1)
    return {name: folder / f"{name}.mp4" for name in CODECS}


@pytest.fixture
def rtsp(clips: dict[str, Path]) -> Iterator[RtspServer]:
    with RtspServer(clips) as server:
        yield server


@pytest.fixture
def capture(settings: Settings, redis_client: redis.Redis) -> Iterator[CaptureProcess]:
    with CaptureProcess(settings, redis_client) as process:
        yield process


@pytest.fixture
def store(capture: CaptureProcess) -> SegmentStore:
    return SegmentStore(capture.database)


def recorded(store: SegmentStore, camera: Camera) -> list[Segment]:
    return store.between(camera.id, 0.0, time.time() + 1e6)


def wait_for_segments(store: SegmentStore, camera: Camera, count: int, timeout_s: float = 40.0) -> list[Segment]:
    def look() -> list[Segment] | None:
        segments = recorded(store, camera)
        return segments if len(segments) >= count else None

    return wait_until(look, f"{count} segments of {camera.name}", timeout_s)


def counters(media: Path, segments: list[Segment]) -> list[int]:
    """The number in each picture; that they decode at all is part of every test."""
    numbers = []
    for segment in segments:
        with av.open(str(media / segment.path), "r") as container:
            frames = list(container.decode(container.streams.video[0]))
        numbers += [read_counter(frame.to_ndarray(format="bgr24")) for frame in frames]
    return numbers


def steps(numbers: list[int]) -> set[int]:
    return {(b - a) % CLIP_FRAMES for a, b in pairwise(numbers)}


@pytest.mark.parametrize("codec", CODECS)
def test_every_picture_is_recorded_once(
    capture: CaptureProcess, rtsp: RtspServer, store: SegmentStore, settings: Settings, codec: str
) -> None:
    before_s = time.time()
    camera = capture.add(codec, rtsp.url(codec), recording=CONTINUOUS)
    segments = wait_for_segments(store, camera, 3)
    assert steps(counters(settings.media_dir, segments)) == {1}
    assert len({s.run for s in segments}) == 1
    for segment in segments:
        assert (segment.codec, segment.width, segment.height, segment.has_audio) == (codec, 320, 240, False)
        assert segment.duration_s == pytest.approx(4.0, abs=1.1)
        assert len(segment.key_times) == round(segment.duration_s)
        assert (settings.media_dir / segment.path).stat().st_size == segment.size_bytes
        described = read_segment(settings.media_dir, segment.path, segment.node)
        assert described.key_times == pytest.approx(segment.key_times, abs=1e-3)
        assert described.duration_s == pytest.approx(segment.duration_s, abs=1e-3)
        assert described.run == segment.run
    assert all(abs(b.started_at - a.ended_at) < 0.1 for a, b in pairwise(segments))
    assert before_s - 2 < segments[0].started_at
    assert segments[-1].ended_at < time.time() + 0.5
    (span,) = store.spans(camera.id, 0.0, time.time())
    assert span == (segments[0].started_at, recorded(store, camera)[-1].ended_at)
    status = wait_until(lambda: capture.status(camera.id).get("recording"), "status", 5.0)
    assert (status["mode"], status["state"], status["gaps"]) == ("continuous", "recording", 0)
    with av.open(str(settings.media_dir / segments[0].path), "r") as container:
        assert container.streams.video[0].codec_context.codec_tag == ("avc1" if codec == "h264" else "hvc1")


def test_killed_at_any_time_leaves_whole_segments(
    settings: Settings, redis_client: redis.Redis, rtsp: RtspServer
) -> None:
    rng = random.Random(4)
    camera: Camera | None = None
    for _ in range(3):
        with CaptureProcess(settings, redis_client) as capture:
            camera = camera or capture.add("camera", rtsp.url("h264"), recording=CONTINUOUS)
            store, count = SegmentStore(capture.database), len(recorded(SegmentStore(capture.database), camera))
            wait_for_segments(store, camera, count + 1)
            time.sleep(rng.uniform(0.0, 4.0))  # the moment of the kill is what is tried, nothing is waited for
            for shard in capture.shards():
                shard.kill()
            capture.process.kill()
            capture.process.wait()
    assert camera is not None
    with CaptureProcess(settings, redis_client) as capture:
        store = SegmentStore(capture.database)
        left = set(open_segment_paths(settings.media_dir, camera.id))
        assert left, "a tail is left by a kill"
        wait_until(lambda: not left & set(open_segment_paths(settings.media_dir, camera.id)), "tails repaired", 40.0)

        def all_indexed() -> bool:
            on_disk = set(whole_segment_paths(settings.media_dir, camera.id))
            return on_disk <= {s.path for s in recorded(store, camera)}

        wait_until(all_indexed, "every file in the index", 15.0)
        for segment in recorded(store, camera):
            assert steps(counters(settings.media_dir, [segment])) == {1}


def test_what_a_kill_left_is_mended_by_a_node_that_has_the_camera_no_more(
    settings: Settings, redis_client: redis.Redis, rtsp: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CaptureProcess(settings, redis_client) as capture:
        camera = capture.add("camera", rtsp.url("h264"), recording=CONTINUOUS)
        wait_for_segments(SegmentStore(capture.database), camera, 1)
        wait_until(lambda: open_segment_paths(settings.media_dir, camera.id), "a segment grows", 8.0)
        capture.process.kill()
        capture.process.wait()
    left = open_segment_paths(settings.media_dir, camera.id)
    for path in left:
        os.utime(settings.media_dir / path, (0, 0))
    monkeypatch.setenv("CAMREC_CAPTURE_MOST", "0")
    with CaptureProcess(settings, redis_client) as capture:
        wait_until(lambda: not open_segment_paths(settings.media_dir, camera.id), "the tail is mended", 15.0)
        store = SegmentStore(capture.database)
        wait_until(
            lambda: {s.path for s in recorded(store, camera)} == {*whole_segment_paths(settings.media_dir, camera.id)},
            "every file in the index",
            8.0,
        )
        assert rtsp.viewers("h264") == 0, "and the camera is left alone"


def test_an_event_is_recorded_with_what_was_before_and_after_it(
    capture: CaptureProcess, rtsp: RtspServer, store: SegmentStore, settings: Settings, redis_client: redis.Redis
) -> None:
    camera = capture.add("camera", rtsp.url("h264"), recording=Recording("events", pre_s=3.0, post_s=2.0))
    wait_until(lambda: capture.status(camera.id).get("recording", {}).get("state") == "armed", "armed", 15.0)
    armed_s = time.time()
    wait_until(lambda: time.time() > armed_s + 6.0, "some seconds without an event", 8.0)
    assert recorded(store, camera) == []
    at_s = time.time()
    event = Event("e", camera.id, "plates", "plate", at_s, at_s, 0.9, FrameRef(camera.id, 1, at_s, 320, 240))
    EventStore(capture.database).put([(event, None)], epoch=1)
    redis_client.publish(keys.EVENTS_CHANGED, event.id)
    wait_until(lambda: capture.status(camera.id)["recording"]["state"] == "armed", "ended", 20.0)
    segments = wait_for_segments(store, camera, 1)
    wait_until(lambda: recorded(store, camera)[-1].ended_at >= at_s + 2.0, "post-roll indexed", 15.0)
    segments = recorded(store, camera)
    assert at_s - 3.0 - 1.2 <= segments[0].started_at <= at_s - 3.0
    assert at_s + 2.0 <= segments[-1].ended_at <= at_s + 2.0 + 1.5
    assert steps(counters(settings.media_dir, segments)) == {1}
    assert {s.retention_class for s in segments} == {"event"}


def test_without_redis_and_database_recording_goes_on(
    capture: CaptureProcess,
    rtsp: RtspServer,
    store: SegmentStore,
    settings: Settings,
    redis_process: RedisProcess,
) -> None:
    camera = capture.add("camera", rtsp.url("h264"), recording=CONTINUOUS)
    count = len(wait_for_segments(store, camera, 1))

    def files() -> list[str]:
        return list(whole_segment_paths(settings.media_dir, camera.id))

    with redis_process.frozen(), capture.database.write():  # SQLite: nobody else writes meanwhile
        have = len(files())
        wait_until(lambda: len(files()) >= have + 2, "files go on", 20.0)
    wait_for_segments(store, camera, count + 2)
    assert steps(counters(settings.media_dir, recorded(store, camera))) == {1}


def test_main_stream_is_recorded_where_another_is_analysed(
    capture: CaptureProcess, rtsp: RtspServer, store: SegmentStore
) -> None:
    camera = capture.add("camera", rtsp.url("hevc"), detect_url=rtsp.url("h264"), recording=CONTINUOUS)
    (segment, *_) = wait_for_segments(store, camera, 1)
    assert segment.codec == "hevc"
    assert capture.status(camera.id)["codec"] == "h264"
    capture.change(replace(camera, recording=Recording("off")))
    wait_until(lambda: rtsp.viewers("hevc") == 0, "left", 8.0)
