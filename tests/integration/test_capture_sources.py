"""Every kind of camera through a real worker thread: contiguous pictures, right reasons."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from app.ports import free_port
from capture.camera_worker import CameraWorker
from capture.condition import State
from capture.drops import Drops
from capture.reasons import Reason
from core.settings import Settings, load_settings
from core.types import FrameRef, Picture
from storage.camera import Camera
from storage.frames.store import open_frame_store
from tests.support.certificates import self_signed_certificate
from tests.support.http_cameras import HttpCameras
from tests.support.numbered import numbered_frames, read_counter
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

FPS = 15
CLIP_FRAMES = 45
WARM_UP = FPS
"""Frames that were held back while FFmpeg looked at the stream come in a burst, of which only some are taken."""
HTTP_VIDEOS = ("/mjpeg", "/redirect", "/clip.mp4", "/hls/index.m3u8", "/live.ts", "/live.flv")
AUTH = ("operator", "p@ss:w/rd")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> tuple[Path, Path]:
    return self_signed_certificate(folder)


@pytest.fixture(scope="module")
def h264(folder: Path) -> Path:
    write_video(folder / "h264.mp4", numbered_frames(CLIP_FRAMES), FPS, gop_s=1)
    return folder / "h264.mp4"


@pytest.fixture(scope="module")
def h265(folder: Path) -> Path:
    write_video(folder / "h265.mp4", numbered_frames(CLIP_FRAMES), FPS, codec="libx265", gop_s=1)
    return folder / "h265.mp4"


@pytest.fixture(scope="module")
def b_frames(folder: Path) -> Path:
    write_video(folder / "b.mp4", numbered_frames(CLIP_FRAMES), FPS, gop_s=1, options={"bf": "2"})
    return folder / "b.mp4"


@pytest.fixture(scope="module")
def rtsp(h264: Path, h265: Path, b_frames: Path) -> Iterator[RtspServer]:
    with RtspServer({"h264": h264, "h265": h265, "b-frames": b_frames}, auth=AUTH) as server:
        yield server


@pytest.fixture(scope="module")
def rtsps(h264: Path, certificate: tuple[Path, Path]) -> Iterator[RtspServer]:
    with RtspServer({"h264": h264}, tls=certificate) as server:
        yield server


@pytest.fixture(scope="module")
def http(h264: Path, folder: Path) -> Iterator[HttpCameras]:
    with HttpCameras(h264, folder, auth=AUTH) as cameras:
        yield cameras


@pytest.fixture(scope="module")
def https(h264: Path, folder: Path, certificate: tuple[Path, Path]) -> Iterator[HttpCameras]:
    (folder / "https").mkdir()
    with HttpCameras(h264, folder / "https", tls=certificate) as cameras:
        yield cameras


class Seen:
    """Notes what a worker hands over."""

    def __init__(self) -> None:
        self.frames: list[tuple[FrameRef, int]] = []
        self.age_s = 0.0
        self._lock = threading.Lock()

    def offer(self, consumer: str, ref: FrameRef, pixels: Picture) -> None:
        assert consumer == "test"
        with self._lock:
            self.frames.append((ref, read_counter(pixels)))
            self.age_s = time.time() - ref.captured_at


class Watch:
    """A worker under observation."""

    def __init__(self, worker: CameraWorker, seen: Seen, drops: Drops) -> None:
        self.worker, self._seen, self.drops = worker, seen, drops

    def frames(self, count: int, timeout_s: float = 10.0) -> list[tuple[FrameRef, int]]:
        wait_until(lambda: len(self._seen.frames) >= count, f"{count} frames", timeout_s)
        return self._seen.frames[:count]

    def record(self, count: int) -> Recording:
        frames = self.frames(count, timeout_s=20.0)
        return Recording(frames, self.worker.figures.reconnects, self._seen.age_s)

    @property
    def age_s(self) -> float:
        return self._seen.age_s

    def wait_for(self, state: State, reason: Reason | None, timeout_s: float) -> None:
        wait_until(
            lambda: (self.worker.condition.state, self.worker.condition.reason) == (state, reason),
            f"{state} {reason}",
            timeout_s,
        )


@contextmanager
def watching(
    settings: Settings, url: str, fps: float = FPS, *, camera_id: int = 1, tls_verify: bool = True
) -> Iterator[Watch]:
    seen, store, drops = Seen(), open_frame_store(settings), Drops()
    camera = Camera(camera_id, "under test", url, tls_verify=tls_verify)
    worker = CameraWorker(camera, {"test": fps}, store=store, sink=seen, drops=drops)
    worker.start()
    try:
        yield Watch(worker, seen, drops)
    finally:
        worker.stop()
        ended = worker.join(5.0)
        store.close()
    assert ended, "the worker did not end in time"


@dataclass
class Recording:
    """What a worker handed over of one source."""

    frames: list[tuple[FrameRef, int]]
    reconnects: int
    age_s: float
    """Of the last frame when it was handed over."""


@pytest.fixture(scope="module")
def recordings(
    rtsp: RtspServer, http: HttpCameras, h264: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Recording]]:
    """All sources that give every frame, watched at once."""
    urls = {
        **{name: rtsp.url(name) for name in ("h264", "h265", "b-frames")},
        **{path: http.url(path) for path in HTTP_VIDEOS},
        "file": h264.as_uri(),
    }
    with tempfile.TemporaryDirectory(dir="/dev/shm") as frame_dir, ExitStack() as stack:
        environment = {"CAMREC_DATA": str(tmp_path_factory.mktemp("data")), "CAMREC_FRAME_DIR": frame_dir}
        settings = load_settings(environment, env_file=Path("/dev/null"))
        watches = {
            name: stack.enter_context(watching(settings, url, camera_id=camera_id))
            for camera_id, (name, url) in enumerate(urls.items(), start=1)
        }
        yield {name: watch.record(WARM_UP + CLIP_FRAMES + 5) for name, watch in watches.items()}


def assert_contiguous(frames: list[tuple[FrameRef, int]], step: int = 1) -> None:
    numbers = [number for _, number in frames]
    steps = {(b - a) % CLIP_FRAMES for a, b in pairwise(numbers)}
    assert steps == {step}, numbers


@pytest.mark.parametrize("source", ["h264", "h265", "b-frames", *HTTP_VIDEOS, "file"])
def test_every_frame_comes_once_and_in_real_time(recordings: dict[str, Recording], source: str) -> None:
    """Files and playlists are looped, and their seams are not felt."""
    recording = recordings[source]
    frames = recording.frames[WARM_UP:]
    assert_contiguous(frames)
    times_s = [ref.captured_at for ref, _ in frames]
    assert all(a < b for a, b in pairwise(times_s))
    assert times_s[-1] - times_s[0] == pytest.approx((len(frames) - 1) / FPS, rel=0.15)
    assert recording.age_s < 1.0
    assert recording.reconnects == 0


def test_sampled_frames_are_evenly_spaced(settings: Settings, rtsp: RtspServer) -> None:
    with watching(settings, rtsp.url("h264"), fps=5.0) as watch:
        assert_contiguous(watch.frames(20)[5:], step=FPS // 5)


def test_key_frames_alone_come_without_waiting_for_the_next(settings: Settings, rtsp: RtspServer) -> None:
    with watching(settings, rtsp.url("b-frames"), fps=1.0) as watch:
        wait_until(lambda: watch.worker.sampler.key_frames_only, "key frames only", 5.0)
        decoded, sampled = watch.worker.figures.decoded, watch.worker.figures.sampled
        frames = watch.frames(sampled + 4)
        assert watch.worker.figures.decoded - decoded <= 5
        assert {number % FPS for _, number in frames[sampled + 1 :]} == {0}
        assert watch.age_s < 0.5


def test_damaged_packets_are_counted_and_the_stream_goes_on(settings: Settings, rtsp: RtspServer) -> None:
    with watching(settings, rtsp.url("h264")) as watch:
        watch.frames(WARM_UP + 5)
        rtsp.set_fault("h264", "garbage")
        wait_until(lambda: watch.drops.of(1).get("corrupt", 0) >= 1, "damage seen", 5.0)
        rtsp.set_fault("h264", None)
        assert_contiguous(watch.frames(watch.worker.figures.sampled + 3 * FPS)[-FPS:])
        assert watch.worker.condition.state is State.STREAMING
        assert watch.worker.figures.reconnects == 0


def test_still_picture_is_polled_at_the_rate_asked(settings: Settings, http: HttpCameras) -> None:
    with watching(settings, http.url("/snapshot.jpg"), fps=5.0) as watch:
        frames = watch.frames(10)
        assert_contiguous(frames)
        elapsed_s = frames[-1][0].captured_at - frames[0][0].captured_at
        assert elapsed_s == pytest.approx(9 / 5, rel=0.25)


@pytest.mark.parametrize("source", ["rtsps", "https"])
def test_certificates_are_checked_unless_the_camera_says_otherwise(
    settings: Settings, rtsps: RtspServer, https: HttpCameras, source: str
) -> None:
    url = rtsps.url("h264") if source == "rtsps" else https.url("/mjpeg")
    with watching(settings, url) as watch:
        watch.wait_for(State.RETRYING, Reason.TLS, 8.0)
    with watching(settings, url, tls_verify=False) as watch:
        assert_contiguous(watch.frames(WARM_UP + 5)[WARM_UP:])


def test_what_does_not_work_has_a_reason_and_no_secret(
    settings: Settings, rtsp: RtspServer, http: HttpCameras, tmp_path: Path
) -> None:
    (tmp_path / "notes.mp4").write_text("no video at all, but long enough to look like a file of some kind\n" * 100)
    wrong = "operator:wr0ngSecret@"
    cases = {
        f"rtsp://{wrong}127.0.0.1:{rtsp.port}/h264": Reason.AUTH_FAILED,
        http.url("/mjpeg", credentials=False): Reason.AUTH_FAILED,
        rtsp.url("nothing"): Reason.NOT_FOUND,
        http.url("/nothing"): Reason.NOT_FOUND,
        f"rtsp://{wrong}no-such-host.invalid/h264": Reason.NOT_FOUND,
        f"rtsp://{wrong}127.0.0.1:{free_port()}/h264": Reason.REFUSED,
        f"http://{wrong}127.0.0.1:{free_port()}/mjpeg": Reason.REFUSED,
        http.url("/page"): Reason.UNSUPPORTED_CODEC,
        (tmp_path / "notes.mp4").as_uri(): Reason.UNSUPPORTED_CODEC,
        (tmp_path / "nothing.mp4").as_uri(): Reason.NOT_FOUND,
        f"rtsp://{wrong}{http.url('/mjpeg').rpartition('@')[2]}": Reason.NO_FRAMES,
    }
    with ExitStack() as stack:
        watches = {
            url: stack.enter_context(watching(settings, url, camera_id=number)) for number, url in enumerate(cases, 1)
        }
        for url, watch in watches.items():
            wait_until(lambda: watch.worker.condition.state is State.RETRYING, url, 10.0)  # noqa: B023
        conditions = {url: watch.worker.condition for url, watch in watches.items()}
    assert {url: condition.reason for url, condition in conditions.items()} == cases
    for condition in conditions.values():
        assert condition.message
        assert not any(secret in condition.message for secret in ("wr0ngSecret", "p@ss", "p%40ss", "operator"))


def test_local_file_cannot_be_read_through_a_playlist(settings: Settings, h264: Path, tmp_path: Path) -> None:
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{h264.as_uri()}\n#EXT-X-ENDLIST\n")
    with HttpCameras(h264, tmp_path) as server:
        (server.hls / "evil.m3u8").write_text(playlist.read_text())
        with watching(settings, server.url("/hls/evil.m3u8")) as watch:
            wait_until(lambda: watch.worker.condition.state is State.RETRYING, "refused", 10.0)
            assert watch.worker.figures.received == 0
