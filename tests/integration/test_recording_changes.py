"""Cameras that change their pictures' size or codec while one connection goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, pairwise
from pathlib import Path

import av
import pytest
import redis

from app.demo.footage import write_video
from app.demo.rtsp import RtspServer
from core.settings import Settings
from storage.camera import Recording
from storage.segments import Segment, SegmentStore
from tests.support.capture_process import CaptureProcess
from tests.support.numbered import numbered_frames, read_counter
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

FPS, PART_FRAMES = 15, 75
CONTINUOUS = Recording("continuous")
ENCODERS = {"h264": "libx264", "hevc": "libx265"}


@pytest.fixture
def capture(settings: Settings, redis_client: redis.Redis) -> Iterator[CaptureProcess]:
    with CaptureProcess(settings, redis_client) as process:
        yield process


def append(source: Path, target: av.container.OutputContainer, offset_frames: int) -> None:
    """Mux the packets of a file, that many frames later."""
    with av.open(str(source)) as read:
        stream = read.streams.video[0]
        copied = target.streams.video[0] if target.streams.video else target.add_stream_from_template(stream)
        for packet in read.demux(stream):
            if packet.pts is not None and packet.dts is not None:
                ticks = round(offset_frames / FPS / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, copied
                target.mux(packet)


def write_part(path: Path, number: int, codec: str = "libx264", width: int = 320) -> Path:
    """Six seconds, whose pictures go on counting."""
    frames = islice(numbered_frames((number + 1) * PART_FRAMES, width, width * 3 // 4), number * PART_FRAMES, None)
    write_video(path, frames, FPS, codec, gop_s=1)
    return path


def decoded(media: Path, segment: Segment) -> tuple[set[tuple[int, int]], list[int]]:
    """Sizes and numbers of all pictures."""
    with av.open(str(media / segment.path)) as container:
        frames = list(container.decode(video=0))
    return {(f.width, f.height) for f in frames}, [read_counter(f.to_ndarray(format="bgr24")) for f in frames]


@contextmanager
def ts_camera(parts: list[Path]) -> Iterator[str]:
    """MPEG-TS over HTTP: all parts to the first who asks, to others the last one again and again; in real time."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            for part in [*(parts if len(asked) == 1 else []), *parts[-1:] * 10]:
                data = part.read_bytes()
                step = len(data) * FPS // (10 * PART_FRAMES) // 188 * 188  # of a tenth of a second
                for start in range(0, len(data), step):
                    try:
                        self.wfile.write(data[start : start + step])
                    except ConnectionError:
                        return
                    time.sleep(0.1)  # a camera's pace

        def log_message(self, *args: object) -> None:
            """Keep the output of tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/live.ts"
    server.shutdown()
    server.server_close()


def test_cameras_that_change(capture: CaptureProcess, settings: Settings, tmp_path: Path) -> None:
    """One its size, two their codec; recorded at once, since each takes some seconds."""
    film = tmp_path / "film.ts"
    with av.open(str(film), "w", format="mpegts") as target:
        append(write_part(tmp_path / "small.ts", 0), target, 0)
        append(write_part(tmp_path / "large.ts", 1, width=640), target, PART_FRAMES)
    store = SegmentStore(capture.database)
    with ExitStack() as stack:
        rtsp = stack.enter_context(RtspServer({"size": film}))
        cameras = {("size", "size"): capture.add("size", rtsp.url("size"), recording=CONTINUOUS)}
        for codecs in (("h264", "hevc"), ("hevc", "h264")):
            url = stack.enter_context(ts_camera(parts_of(codecs, tmp_path / codecs[0])))
            cameras[codecs] = capture.add(codecs[0], url, recording=CONTINUOUS)

        def look() -> dict[tuple[str, str], list[Segment]] | None:
            found = {change: store.between(camera.id, 0.0, 1e11) for change, camera in cameras.items()}
            have_changed = all(len({(s.codec, s.width) for s in segments}) == 2 for segments in found.values())
            return found if have_changed else None

        recorded = wait_until(look, "segments from before and after each change", 40.0)
    resized = recorded.pop(("size", "size"))
    loses_nothing(settings.media_dir, resized)
    assert len(store.spans(resized[0].camera_id, 0.0, 1e11)) == 1, "time goes on, too"
    for codecs, segments in recorded.items():
        begins_anew(settings.media_dir, segments, codecs)


def parts_of(codecs: tuple[str, str], folder: Path) -> list[Path]:
    """Two parts of MPEG-TS, of one codec each."""
    folder.mkdir()
    parts = [write_part(folder / "first.ts", 0, ENCODERS[codecs[0]]), folder / "then.ts"]
    with av.open(str(parts[1]), "w", format="mpegts") as target:
        append(write_part(folder / "second.ts", 1, ENCODERS[codecs[1]]), target, PART_FRAMES)
    return parts


def loses_nothing(media: Path, segments: list[Segment]) -> None:
    """Of the camera that changes its size."""
    sizes, numbers = zip(*(decoded(media, segment) for segment in segments), strict=True)
    assert [*sizes] == [{(segment.width, segment.height)} for segment in segments]
    assert len({segment.run for segment in segments}) >= 2
    shown = [number for of_segment in numbers for number in of_segment]
    assert {(b - a) % (2 * PART_FRAMES) for a, b in pairwise(shown)} == {1}


def begins_anew(media: Path, segments: list[Segment], codecs: tuple[str, str]) -> None:
    """Of a camera that changes its codec."""
    assert [s.codec for s in segments] == sorted((s.codec for s in segments), key=codecs.index)
    assert len({s.run for s in segments}) >= 2
    numbers = {s.path: decoded(media, s)[1] for s in segments}
    for shown in numbers.values():
        assert shown
        assert {b - a for a, b in pairwise(shown)} <= {1, 1 - PART_FRAMES}, "every picture of it, once"
    before = [n for s in segments if s.codec == codecs[0] for n in numbers[s.path]]
    # FFmpeg's parser glues the last picture to what follows, or lets go of it.
    assert PART_FRAMES - 3 <= before[-1] < PART_FRAMES, "all of what came before the change"
