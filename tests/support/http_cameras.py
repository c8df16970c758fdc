"""Cameras that speak HTTP, for tests: MJPEG, still pictures, files, HLS, MPEG-TS and FLV, all of one clip."""

from __future__ import annotations

import base64
import re
import ssl
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

import av
import cv2

HttpFault = Literal["stall", "close"]
"""stall: nothing more is sent, connections stay up; close: live answers are cut, new ones too, at once."""

BOUNDARY = "frame"


class HttpCameras:
    """One server with a clip in every form that HTTP cameras know.

    ============================  ====================================================
    ``/mjpeg``                    multipart/x-mixed-replace, in real time, for ever
    ``/snapshot.jpg``             one picture, the next one with every request
    ``/clip.mp4``                 the file, with Range
    ``/hls/index.m3u8``           the clip as finished HLS
    ``/live.ts``, ``/live.flv``   the clip in real time, for ever, with its sound
    ``/redirect``                 302 to ``/mjpeg``
    ``/page``                     HTML: no video at all
    ============================  ====================================================
    """

    def __init__(
        self,
        clip: Path,
        folder: Path,
        *,
        auth: tuple[str, str] | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        """``clip``: an H.264 MP4 without B-frames; ``folder``: where HLS files may be written."""
        self.clip = clip
        self.auth = auth
        self.requests: list[str] = []
        """Paths, in the order in which they were asked for."""
        self.fps, self.pictures = _jpegs(clip)
        self.hls = _write_hls(clip, folder / "hls")
        self.picture_numbers = count()
        self._scheme = "https" if tls else "http"
        self._healthy = threading.Event()
        self._healthy.set()
        self._fault: HttpFault | None = None
        self._closing = False
        handler = type("Handler", (_Handler,), {"cameras": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def url(self, path: str, *, credentials: bool = True) -> str:
        """Of one of the paths above."""
        userinfo = ""
        if self.auth and credentials:
            userinfo = ":".join(quote(part, safe="") for part in self.auth) + "@"
        return f"{self._scheme}://{userinfo}127.0.0.1:{self._server.server_port}{path}"

    def set_fault(self, fault: HttpFault | None) -> None:
        """Break all cameras, or heal them."""
        self._fault = fault
        if fault == "stall":
            self._healthy.clear()
        else:
            self._healthy.set()

    def pass_or_fail(self) -> None:
        """Called before each piece of a live answer: blocks or raises while a fault is set."""
        self._healthy.wait()
        if self._closing or self._fault == "close":
            raise ConnectionAbortedError

    def __enter__(self) -> HttpCameras:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing = True
        self._healthy.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    cameras: HttpCameras
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.cameras.requests.append(path)
        self.close_connection = True
        try:
            self.cameras.pass_or_fail()
            if self._is_refused():
                return
            self._answer(path)
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass

    def log_message(self, *args: object) -> None:
        """Keep the output of tests clean."""

    def _answer(self, path: str) -> None:
        match path:
            case "/mjpeg":
                self._send_mjpeg()
            case "/snapshot.jpg":
                pictures = self.cameras.pictures
                self._send(pictures[next(self.cameras.picture_numbers) % len(pictures)], "image/jpeg")
            case "/clip.mp4":
                self._send_file(self.cameras.clip, "video/mp4")
            case "/live.ts":
                self._send_live("mpegts", "video/mp2t")
            case "/live.flv":
                self._send_live("flv", "video/x-flv")
            case "/redirect":
                self._head(302, Location="/mjpeg", Content_Length="0")
            case "/page":
                self._send(b"<html><body>Please log in</body></html>", "text/html")
            case _ if path.startswith("/hls/") and (file := self.cameras.hls / Path(path).name).is_file():
                self._send_file(file, "application/vnd.apple.mpegurl" if file.suffix == ".m3u8" else "video/mp2t")
            case _:
                self._head(404, Content_Length="0")

    def _is_refused(self) -> bool:
        if self.cameras.auth is None:
            return False
        right = base64.b64encode(":".join(self.cameras.auth).encode()).decode()
        if self.headers.get("Authorization") == f"Basic {right}":
            return False
        self._head(401, WWW_Authenticate='Basic realm="camera"', Content_Length="0")
        return True

    def _head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _send(self, body: bytes, content_type: str) -> None:
        self._head(200, Content_Type=content_type, Content_Length=str(len(body)))
        self.wfile.write(body)

    def _send_file(self, path: Path, content_type: str) -> None:
        body = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._head(200, Content_Type=content_type, Content_Length=str(len(body)), Accept_Ranges="bytes")
            self.wfile.write(body)
            return
        start, end = int(asked[1]), min(int(asked[2] or len(body)), len(body) - 1)
        if start >= len(body):
            self._head(416, Content_Range=f"bytes */{len(body)}", Content_Length="0")
            return
        part = body[start : end + 1]
        span = f"bytes {start}-{end}/{len(body)}"
        self._head(206, Content_Type=content_type, Content_Length=str(len(part)), Content_Range=span)
        self.wfile.write(part)

    def _send_mjpeg(self) -> None:
        self._head(200, Content_Type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        for number, _ in enumerate(_ticks(self.cameras.fps)):
            picture = self.cameras.pictures[number % len(self.cameras.pictures)]
            self.cameras.pass_or_fail()
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            self.wfile.write(head.encode() + picture + b"\r\n")

    def _send_live(self, container_format: str, content_type: str) -> None:
        self._head(200, Content_Type=content_type)
        options = {"flush_packets": "1"} | ({"flvflags": "no_duration_filesize"} if container_format == "flv" else {})
        with av.open(self.cameras.clip) as source:
            output = av.open(_Socket(self), "w", format=container_format, options=options)
            streams = {
                s.index: output.add_stream_from_template(s) for s in (*source.streams.video, *source.streams.audio)
            }
            ticks = _ticks(self.cameras.fps)
            rounds_s = end_s = Fraction(0)
            while True:
                source.seek(0)
                for packet in source.demux():
                    if packet.pts is None or packet.dts is None:
                        continue
                    offset = round(rounds_s / packet.time_base)
                    if packet.stream.type == "video":
                        next(ticks)
                        end_s = packet.pts * packet.time_base + Fraction(round(1000 / self.cameras.fps), 1000)
                    packet.pts += offset
                    packet.dts += offset
                    packet.stream = streams[packet.stream_index]
                    output.mux(packet)
                rounds_s += end_s


class _Socket:
    """What PyAV writes to: the connection, unless a fault is set."""

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler

    def write(self, data: bytes) -> int:
        self._handler.cameras.pass_or_fail()
        self._handler.wfile.write(bytes(data))
        return len(data)


def _ticks(rate_hz: float) -> Iterator[None]:
    """Yield in real time."""
    start = time.monotonic()
    for number in count():
        time.sleep(max(0.0, start + number / rate_hz - time.monotonic()))
        yield


def _jpegs(clip: Path) -> tuple[float, list[bytes]]:
    with av.open(clip) as container:
        rate = container.streams.video[0].average_rate
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert rate is not None
    return float(rate), [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]


def _write_hls(clip: Path, folder: Path) -> Path:
    folder.mkdir()
    options = {"hls_time": "1", "hls_list_size": "0", "hls_playlist_type": "vod"}
    with (
        av.open(clip) as source,
        av.open(str(folder / "index.m3u8"), "w", format="hls", options=options) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return folder
