"""The RTSP server as a camera: read by FFmpeg, and by a client that breaks the rules."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import combinations, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import InputContainer

from app.demo.footage import write_video
from app.demo.rtsp import Fault, RtspServer
from app.demo.rtsp.auth import Scheme
from core.errors import CamrecError
from tests.support.certificates import self_signed_certificate
from tests.support.numbered import numbered_frames, read_counter
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

FPS = 30
FRAMES = 30
DEADLINE_S = 10.0

FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {}),
    "h264 b frames": ("libx264", {"bf": "2", "b_strategy": "0"}),
    "h264 slices": ("libx264", {"slices": "4"}),
    "h265": ("libx265", {}),
    "h265 b frames": ("libx265", {"x265-params": "bframes=2:scenecut=0:open-gop=0:log-level=none"}),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    paths = {name: folder / f"{name}.mp4" for name in FORMS}
    for name, (codec, options) in FORMS.items():
        write_video(paths[name], numbered_frames(FRAMES), FPS, codec, gop_s=0.5, options=options)
    return paths


@contextmanager
def opened(url: str, read_timeout_s: float = 3.0, **options: str) -> Iterator[InputContainer]:
    options = {"rtsp_transport": "tcp", "fpsprobesize": "0", **options}
    with av.open(url, options=options, timeout=(5.0, read_timeout_s)) as container:
        yield container


def numbers(container: InputContainer, count: int) -> list[int]:
    frames = (frame for frame, _ in zip(container.decode(video=0), range(count), strict=False))
    return [read_counter(frame.to_ndarray(format="bgr24")) for frame in frames]


def wait_for_viewers(server: RtspServer, count: int) -> None:
    wait_until(lambda: server.viewers("cam") == count, f"{count} viewers", DEADLINE_S)


class RawClient:
    """RTSP by hand."""

    def __init__(self, server: RtspServer) -> None:
        self.socket = socket.create_connection((server.host, server.port), timeout=DEADLINE_S)
        self.cseq = 0

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def ask(self, method: str, url: str, **headers: str) -> tuple[int, dict[str, str]]:
        """Status and headers of the answer."""
        self.cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.cseq}", *(f"{k}: {v}" for k, v in headers.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head, *rest = self.read_until(b"\r\n\r\n").decode().strip().split("\r\n")
        answer = dict(line.split(": ", 1) for line in rest)
        assert answer["CSeq"] == str(self.cseq)
        for _ in range(int(answer["Content-Length"])):
            self.socket.recv(1)
        return int(head.split()[1]), answer

    def read_until(self, end: bytes) -> bytes:
        got = b""
        while not got.endswith(end):
            byte = self.socket.recv(1)
            assert byte, f"closed after {got!r}"
            got += byte
        return got


@pytest.mark.parametrize("form", FORMS)
def test_every_frame_arrives_in_order_and_across_the_loop(clips: dict[str, Path], form: str) -> None:
    with RtspServer({"cam": clips[form]}) as server, opened(server.url("cam")) as camera:
        assert camera.streams.video[0].codec_context.name == form[:4].replace("h265", "hevc")
        frames = [frame for frame, _ in zip(camera.decode(video=0), range(2 * FRAMES + 5), strict=False)]
    got = [read_counter(frame.to_ndarray(format="bgr24")) for frame in frames]
    assert len(got) == 2 * FRAMES + 5
    assert all((b - a) % FRAMES == 1 for a, b in pairwise(got))
    times = [frame.pts for frame in frames if frame.pts is not None]
    assert {b - a for a, b in pairwise(times)} == {90_000 // FPS}


def test_sender_report_gives_the_capture_time(clips: dict[str, Path]) -> None:
    before = time.time()
    with RtspServer({"cam": clips["h264"]}) as server, opened(server.url("cam")) as camera:
        numbers(camera, 1)
        captured_at = camera.start_time_realtime
    assert captured_at is not None
    assert before - 0.1 < captured_at / 1e6 < time.time()


def test_mounts_of_one_file_are_out_of_step(clips: dict[str, Path]) -> None:
    length_s = FRAMES / FPS
    rounds_began = []
    with RtspServer({f"cam{i}": clips["h264"] for i in range(3)}) as server:
        for name in server.names:
            with opened(server.url(name)) as camera:
                (number,) = numbers(camera, 1)
                assert camera.start_time_realtime is not None
                rounds_began.append((camera.start_time_realtime / 1e6 - number / FPS) % length_s)
    gaps = [abs(a - b) for a, b in combinations(rounds_began, 2)]
    assert all(0.1 * length_s < gap < 0.9 * length_s for gap in gaps), rounds_began


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_authentication(clips: dict[str, Path], scheme: Scheme) -> None:
    with RtspServer({"my cam": clips["h264"]}, auth=("us er", "p@ss:w/rd"), scheme=scheme) as server:
        with opened(server.url("my cam")) as camera:
            assert len(numbers(camera, 2)) == 2
        with pytest.raises(av.error.HTTPUnauthorizedError), opened(server.url("my cam", credentials=False)):
            pass
        with pytest.raises(av.error.HTTPUnauthorizedError), opened(server.url("my cam").replace("p%40ss", "guess")):
            pass


def test_tls(clips: dict[str, Path], tmp_path: Path) -> None:
    certificate, key = self_signed_certificate(tmp_path)
    with RtspServer({"cam": clips["h264"]}, tls=(certificate, key)) as server:
        assert server.url("cam").startswith("rtsps://")
        with opened(server.url("cam"), tls_verify="1", ca_file=str(certificate)) as camera:
            assert len(numbers(camera, 2)) == 2
        with pytest.raises(av.error.FFmpegError), opened(server.url("cam"), tls_verify="1"):
            pass


@pytest.mark.parametrize("fault", ["stall", "rtcp-only"])
def test_stalled_camera_sends_no_picture_until_it_is_healed(clips: dict[str, Path], fault: Fault) -> None:
    with RtspServer({"cam": clips["h264"]}) as server:
        with opened(server.url("cam"), read_timeout_s=0.5) as camera:
            numbers(camera, 1)
            server.set_fault("cam", fault)
            with pytest.raises(av.error.ExitError):
                numbers(camera, 100)
            assert server.viewers("cam") == 1
        server.set_fault("cam", None)
        with opened(server.url("cam")) as camera:
            assert len(numbers(camera, 2)) == 2


def test_rtcp_only_still_sends_reports(clips: dict[str, Path]) -> None:
    with RtspServer({"cam": clips["h264"]}) as server, RawClient(server) as client:
        server.set_fault("cam", "rtcp-only")
        url = server.url("cam")
        _, answer = client.ask("SETUP", f"{url}/track1", Transport="RTP/AVP/TCP;unicast;interleaved=4-5")
        client.ask("PLAY", url, Session=answer["Session"].partition(";")[0])
        for _ in range(2):
            assert client.socket.recv(4, socket.MSG_WAITALL) == b"$\x05\x00\x1c"
            assert client.socket.recv(28, socket.MSG_WAITALL)[1] == 200


def test_drop_cuts_viewers_once(clips: dict[str, Path]) -> None:
    with RtspServer({"cam": clips["h264"]}) as server:
        with opened(server.url("cam")) as camera:
            numbers(camera, 1)
            server.set_fault("cam", "drop")
            assert len(numbers(camera, 100)) < 100
        with opened(server.url("cam")) as camera:
            assert len(numbers(camera, 2)) == 2


def test_gone_camera_is_not_found(clips: dict[str, Path]) -> None:
    with RtspServer({"cam": clips["h264"]}) as server:
        server.set_fault("cam", "gone")
        with pytest.raises(av.error.HTTPNotFoundError), opened(server.url("cam")):
            pass
        with pytest.raises(av.error.HTTPNotFoundError), opened(server.url("other")):
            pass


def test_mute_camera_never_answers(clips: dict[str, Path]) -> None:
    with RtspServer({"cam": clips["h264"]}) as server:
        server.set_fault("cam", "mute")
        with pytest.raises(av.error.FFmpegError), opened(server.url("cam"), timeout="1000000"):
            pass
        assert ("OPTIONS", server.url("cam")) in server.requests
        assert server.viewers("cam") == 0


def test_garbage_cannot_be_decoded(clips: dict[str, Path]) -> None:
    with RtspServer({"cam": clips["h264"]}) as server, opened(server.url("cam")) as camera:
        numbers(camera, 1)
        server.set_fault("cam", "garbage")
        packets = [packet for packet, _ in zip(camera.demux(video=0), range(FRAMES), strict=False)]
        assert len(packets) == FRAMES
        decoded = 0
        for packet in packets[3:]:
            with suppress(av.error.FFmpegError):
                decoded += len(packet.decode())
        assert decoded < FRAMES - 5


def test_unknown_fault_is_refused(clips: dict[str, Path]) -> None:
    with RtspServer({"cam": clips["h264"]}) as server, pytest.raises(ValueError, match="expected one of stall, "):
        server.set_fault("cam", "explode")  # type: ignore[arg-type]


def test_session_is_checked(clips: dict[str, Path]) -> None:
    with RtspServer({"cam": clips["h264"]}) as server, RawClient(server) as client:
        url = server.url("cam")
        assert client.ask("OPTIONS", url)[1]["Public"].split(", ")[:3] == ["OPTIONS", "DESCRIBE", "SETUP"]
        assert client.ask("PLAY", url, Session="none")[0] == 454
        assert client.ask("SETUP", f"{url}/track1", Transport="RTP/AVP;unicast;client_port=5000-5001")[0] == 461
        status, answer = client.ask("SETUP", f"{url}/track1", Transport="RTP/AVP/TCP;unicast;interleaved=2-3")
        assert status == 200
        assert "interleaved=2-3" in answer["Transport"]
        session = answer["Session"].partition(";")[0]
        assert client.ask("GET_PARAMETER", url)[0] == 200
        assert client.ask("GET_PARAMETER", url, Session="other")[0] == 454
        assert client.ask("PLAY", url, Session=session + "0")[0] == 454
        assert client.ask("RECORD", url, Session=session)[0] == 501
        assert server.viewers("cam") == 0
        assert client.ask("PLAY", url, Session=session)[0] == 200
        assert client.socket.recv(2, socket.MSG_WAITALL) in {b"$\x02", b"$\x03"}
        assert server.viewers("cam") == 1


def test_pause_and_teardown_end_playing(clips: dict[str, Path]) -> None:
    with RtspServer({"cam": clips["h264"]}) as server, RawClient(server) as client:
        url = server.url("cam")
        # Stalled, so that answers are not mixed with pictures.
        server.set_fault("cam", "stall")
        _, answer = client.ask("SETUP", f"{url}/track1", Transport="RTP/AVP/TCP")
        session = answer["Session"].partition(";")[0]
        for method, viewers in (("PLAY", 1), ("PAUSE", 0), ("PLAY", 1), ("TEARDOWN", 0)):
            assert client.ask(method, url, Session=session)[0] == 200
            wait_for_viewers(server, viewers)
        assert client.socket.recv(1) == b""


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="HTTP"),
        pytest.param(b"nonsense\r\n\r\n", id="no request"),
        pytest.param(b"OPTIONS * RTSP/1.0\r\nContent-Length: 999999999\r\n\r\n", id="huge body"),
        pytest.param(b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", id="negative body"),
    ],
)
def test_malformed_requests_are_refused(clips: dict[str, Path], request_bytes: bytes) -> None:
    with RtspServer({"cam": clips["h264"]}) as server, RawClient(server) as client:
        client.socket.sendall(request_bytes)
        assert client.read_until(b"\r\n\r\n").startswith(b"RTSP/1.0 400 Bad Request\r\n")
        assert client.socket.recv(1) == b""
        with RawClient(server) as another:
            assert another.ask("OPTIONS", "*")[0] == 200


def test_viewer_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "heavy.mp4"
    options = {"preset": "ultrafast", "crf": "0"}
    noisy = (np.bitwise_xor(picture, np.uint8(0x55)) for picture in numbered_frames(20, 1920, 1080))
    write_video(path, noisy, fps=50, gop_s=0.02, options=options)
    with RtspServer({"cam": path}) as server, RawClient(server) as client:
        url = server.url("cam")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        _, answer = client.ask("SETUP", f"{url}/track1", Transport="RTP/AVP/TCP")
        client.ask("PLAY", url, Session=answer["Session"].partition(";")[0])
        assert client.socket.recv(1) == b"$"
        wait_for_viewers(server, 0)


def test_port_in_use(clips: dict[str, Path]) -> None:
    with (
        RtspServer({"cam": clips["h264"]}) as server,
        pytest.raises(CamrecError, match=f"cannot listen on 127.0.0.1:{server.port}: the port is in use"),
        RtspServer({"cam": clips["h264"]}, port=server.port),
    ):
        pass


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "app.cli", "serve-rtsp", *map(str, arguments)]


@contextmanager
def serving(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command, and the URLs that it printed."""
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, process.stderr.read() if process.stderr else ""
        yield process, [first.strip()]
    finally:
        process.kill()
        with process:
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_command_serves_until_it_is_stopped(clips: dict[str, Path], number: signal.Signals) -> None:
    with serving(clips["h264"], "--port", "0", "--auth", "user:secret", "--copies", "2") as (process, urls):
        assert process.stdout is not None
        urls.append(process.stdout.readline().strip())
        assert all(re.fullmatch(rf"rtsp://\*\*\*@127.0.0.1:\d+/h264-{n}", url) for n, url in enumerate(urls, 1))
        with opened(urls[1].replace("***", "user:secret")) as camera:
            assert len(numbers(camera, 2)) == 2
            asked_s = time.monotonic()
            process.send_signal(number)
            assert process.wait(DEADLINE_S) == 0
            assert time.monotonic() - asked_s < 2
            assert process.stderr is not None
            assert process.stderr.read() == ""


def test_stopped_process_goes_on_without_a_burst(clips: dict[str, Path]) -> None:
    with serving(clips["h264"], "--port", "0") as (process, urls), opened(urls[0], read_timeout_s=10) as camera:
        numbers(camera, 1)
        process.send_signal(signal.SIGSTOP)
        time.sleep(2.5)  # longer than the lag that the server catches up with
        process.send_signal(signal.SIGCONT)
        start_s = time.monotonic()
        got = numbers(camera, FRAMES)
        assert time.monotonic() - start_s > 0.8 * FRAMES / FPS
        assert all((b - a) % FRAMES == 1 for a, b in pairwise(got))


@pytest.mark.parametrize(
    ("arguments", "exit_code", "reason"),
    [
        pytest.param(["{clip}", "{clip}"], 2, "would both be the camera 'h264'", id="same stem twice"),
        pytest.param(["/nowhere/a.mp4"], 2, "does not exist", id="no such file"),
        pytest.param([], 2, "Missing argument 'FILE...'", id="no file"),
        pytest.param(["{clip}", "--port", "70000"], 2, "70000 is not in the range", id="port out of range"),
        pytest.param(["{clip}", "--auth", "user"], 2, "expected USER:PASSWORD", id="no password"),
        pytest.param(["{clip}", "--copies", "0"], 2, "0 is not in the range", id="no copies"),
        pytest.param([__file__], 1, "cannot be read as a video", id="not a video"),
        pytest.param(["{clip}", "--port", "{taken}"], 1, "the port is in use", id="port in use"),
        pytest.param(["{clip}", "--host", "192.0.2.1"], 1, "cannot listen on 192.0.2.1", id="not our address"),
    ],
)
def test_command_explains_what_is_wrong(
    clips: dict[str, Path], arguments: list[str], exit_code: int, reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        filled = [a.format(clip=clips["h264"], taken=taken.getsockname()[1]) for a in arguments]
        done = subprocess.run(command(*filled), capture_output=True, text=True, timeout=DEADLINE_S * 3)
    assert done.returncode == exit_code
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
