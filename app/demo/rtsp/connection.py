"""One client's RTSP connection: its session, from DESCRIBE to TEARDOWN (RFC 2326)."""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
from collections.abc import Callable, Mapping

from app.demo.rtsp.auth import Guard
from app.demo.rtsp.messages import BadRequestError, Request, Response, read_request
from app.demo.rtsp.mount import Mount, Viewer

_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, TEARDOWN"
_INTERLEAVED = re.compile(r"interleaved=(\d{1,3})")
_SESSION_TIMEOUT_S = 60


class Connection:
    """Answers requests until the client goes. A session lives no longer than its connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        mounts: Mapping[str, Mount],
        guard: Guard | None,
        seen: Callable[[Request], None],
    ) -> None:
        """``seen`` is called with every request."""
        self._reader = reader
        self._writer = writer
        self._mounts = mounts
        self._guard = guard
        self._seen = seen
        self._nonce = secrets.token_hex(16)
        self._session: str | None = None
        self._channels: dict[int, int] = {}
        self._playing: Mount | None = None

    async def serve(self) -> None:
        """Return when the client has gone, or has sent what is no request."""
        try:
            while True:
                request = await read_request(self._reader)
                self._seen(request)
                mount = self._mounts.get(request.mount_name)
                if mount is not None and mount.fault == "mute":
                    continue
                response = self._answer(request, mount)
                self._writer.write(response.encode(request.headers.get("cseq", "0")))
                if request.method == "TEARDOWN" and response.status == 200:
                    break
                if request.method == "PLAY" and response.status == 200 and mount is not None:
                    # Not before the answer is written: pictures must not precede it.
                    self._play(mount)
        except BadRequestError:
            self._writer.write(Response(400).encode("0"))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self._pause()
            self._writer.close()

    def _answer(self, request: Request, mount: Mount | None) -> Response:
        if request.method == "OPTIONS":
            return Response(headers={"Public": _METHODS})
        authorization = request.headers.get("authorization", "")
        if self._guard and not self._guard.admits(authorization, request.method, request.url, self._nonce):
            return Response(401, {"WWW-Authenticate": self._guard.challenge(self._nonce)})
        if mount is None or mount.fault == "gone":
            return Response(404)
        return self._answer_for(request, mount)

    def _answer_for(self, request: Request, mount: Mount) -> Response:
        match request.method:
            case "DESCRIBE":
                headers = {"Content-Base": f"{request.url.rstrip('/')}/", "Content-Type": "application/sdp"}
                return Response(headers=headers, body=mount.clip.sdp())
            case "SETUP":
                return self._set_up(request, mount)
            case "PLAY" | "PAUSE" | "TEARDOWN" | "GET_PARAMETER":
                return self._control(request)
            case _:
                return Response(501)

    def _set_up(self, request: Request, mount: Mount) -> Response:
        transport = request.headers.get("transport", "")
        if "RTP/AVP/TCP" not in transport:
            return Response(461)
        if self._session is not None and request.headers.get("session", self._session) != self._session:
            return Response(454)
        if not 0 <= request.track < len(mount.streams):
            return Response(404)
        asked = _INTERLEAVED.search(transport)
        channel = min(int(asked[1]), 254) if asked else 2 * request.track
        self._channels[request.track] = channel
        self._session = self._session or secrets.token_hex(8)
        ssrc = mount.streams[request.track].ssrc
        return Response(
            headers={
                "Transport": f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1};ssrc={ssrc:08X}",
                "Session": f"{self._session};timeout={_SESSION_TIMEOUT_S}",
            }
        )

    def _control(self, request: Request) -> Response:
        given = request.headers.get("session", "").partition(";")[0]
        if not given and request.method == "GET_PARAMETER":
            return Response()
        if self._session is None or given != self._session:
            return Response(454)
        headers = {"Session": self._session}
        if request.method == "PLAY":
            headers["Range"] = "npt=now-"
        elif request.method != "GET_PARAMETER":
            self._pause()
        return Response(headers=headers)

    def _play(self, mount: Mount) -> None:
        transport = self._writer.transport
        if self._playing is not mount:
            self._pause()
            self._playing = mount
            mount.viewers[transport] = Viewer(transport, dict(self._channels))

    def _pause(self) -> None:
        if self._playing is not None:
            self._playing.viewers.pop(self._writer.transport, None)
            self._playing = None
