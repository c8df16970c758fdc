"""The RTSP server: plays files in a loop as cameras, over TCP (interleaved) and TLS, in a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from app.demo.rtsp.auth import Guard, Scheme
from app.demo.rtsp.clip import Clip
from app.demo.rtsp.connection import Connection
from app.demo.rtsp.messages import Request
from app.demo.rtsp.mount import FAULTS, Fault, Mount
from core.errors import CamrecError

_GOLDEN_RATIO = 0.6180339887498949
"""Multiples of it, modulo 1, spread any number of phases evenly."""
_TIMEOUT_S = 10.0
_BACKLOG = 512
_REMEMBERED_REQUESTS = 1000


class RtspServer:
    """Cameras that play files in a loop, each at another place of its file.

    >>> with RtspServer({"cam0": Path("clip.mp4")}, auth=("user", "secret")) as server:  # doctest: +SKIP
    ...     av.open(server.url("cam0"))
    """

    def __init__(
        self,
        mounts: Mapping[str, Path],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        auth: tuple[str, str] | None = None,
        scheme: Scheme = "digest",
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        """Load the files.

        Args:
            mounts: name of the camera (the path of its URL) to its file.
            host: address to listen on.
            port: 0 takes a free one.
            auth: user and password that viewers need.
            scheme: how they prove that they know it.
            tls: PEM files of the certificate and its key; then the URLs are ``rtsps://``.

        Raises:
            CamrecError: a file is not H.264 or H.265 video.
        """
        clips = {path: Clip.load(path) for path in dict.fromkeys(mounts.values())}
        self._mounts = {
            name: Mount(name, clips[path], phase=i * _GOLDEN_RATIO % 1) for i, (name, path) in enumerate(mounts.items())
        }
        self.host = host
        self.port = port
        self.requests: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED_REQUESTS)
        """Method and URL of the latest requests."""
        self._auth = auth
        self._guard = None if auth is None else Guard(*auth, scheme)
        self._tls: ssl.SSLContext | None = None
        if tls is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rtsp-server", daemon=True)

    def url(self, name: str, *, credentials: bool = True) -> str:
        """Where a camera plays; with the user and password in it unless told otherwise."""
        userinfo = ""
        if self._auth is not None and credentials:
            userinfo = ":".join(quote(part, safe="") for part in self._auth) + "@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"rtsp{'s' if self._tls else ''}://{userinfo}{host}:{self.port}/{quote(name, safe='')}"

    @property
    def names(self) -> list[str]:
        """The cameras, in the order given."""
        return list(self._mounts)

    def set_fault(self, name: str, fault: Fault | None) -> None:
        """Break a camera, or heal it; done when this returns."""
        if fault is not None and fault not in FAULTS:
            raise ValueError(f"unknown fault {fault!r}; expected one of {', '.join(FAULTS)} or None")
        mount = self._mounts[name]

        async def apply() -> None:
            mount.set_fault(fault)

        asyncio.run_coroutine_threadsafe(apply(), self._loop).result(_TIMEOUT_S)

    def viewers(self, name: str) -> int:
        """How many clients play a camera now."""
        return len(self._mounts[name].viewers)

    def __enter__(self) -> RtspServer:
        """Listen.

        Raises:
            CamrecError: the address cannot be listened on.
        """
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_TIMEOUT_S)
        except OSError as error:
            self._stop_loop()
            reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise CamrecError(f"cannot listen on {self.host}:{self.port}: {reason}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_TIMEOUT_S)
        self._stop_loop()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self._tls, backlog=_BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]
        for mount in self._mounts.values():
            mount.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await Connection(reader, writer, self._mounts, self._guard, self._remember).serve()
        finally:
            self._writers.discard(writer)

    def _remember(self, request: Request) -> None:
        self.requests.append((request.method, request.url))

    async def _close(self) -> None:
        self._server.close()
        # Aborted connections end by themselves; asyncio would print a traceback for each that is cancelled.
        for writer in list(self._writers):
            writer.transport.abort()
        if connections := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(connections, timeout=_TIMEOUT_S / 2)

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
