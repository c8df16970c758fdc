"""RTSP requests and responses (RFC 2326)."""

from __future__ import annotations

import asyncio
import re
import struct
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

MAX_BODY_BYTES = 65536
TRACK = "track"
"""Before its number, from 1, in the URLs of a mount's tracks."""

_TRACK_PATH = re.compile(rf"(?P<mount>.+)/{TRACK}(?P<number>\d+)")

_RTSP_REASONS = {454: "Session Not Found", 455: "Method Not Valid in This State", 461: "Unsupported Transport"}


class BadRequestError(Exception):
    """What came is no RTSP request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body, which none of the supported methods needs."""

    method: str
    url: str
    headers: dict[str, str]
    """Names in lower case."""

    @property
    def mount_name(self) -> str:
        """The path of the URL without the track."""
        return unquote(self._place[0])

    @property
    def track(self) -> int:
        """Which track the URL names, from 0."""
        return self._place[1]

    @property
    def _place(self) -> tuple[str, int]:
        path = urlsplit(self.url).path.strip("/")
        found = _TRACK_PATH.fullmatch(path)
        return (path, 0) if found is None else (found["mount"], int(found["number"]) - 1)


@dataclass(slots=True)
class Response:
    """An answer; ``Content-Length`` and ``CSeq`` are added when it is encoded."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def encode(self, cseq: str) -> bytes:
        """Bytes for the connection."""
        reason = _RTSP_REASONS.get(self.status) or HTTPStatus(self.status).phrase
        body = self.body.encode()
        headers = {"CSeq": cseq, **self.headers, "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"RTSP/1.0 {self.status} {reason}\r\n{head}\r\n".encode() + body


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request; the client's RTCP packets before it are passed over.

    Raises:
        BadRequestError: it is malformed.
        asyncio.IncompleteReadError: the connection ended.
        asyncio.LimitOverrunError: its head is longer than the reader's limit.
    """
    while (first := await reader.readexactly(1)) == b"$":
        _, size = struct.unpack("!BH", await reader.readexactly(3))
        await reader.readexactly(size)
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip()
    request_line, *lines = head.split("\r\n")
    match request_line.split(" "):
        case [method, url, version] if version.startswith("RTSP/"):
            pass
        case _:
            raise BadRequestError(request_line)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    await _skip_body(reader, headers.get("content-length", "0"))
    return Request(method, url, headers)


async def _skip_body(reader: asyncio.StreamReader, content_length: str) -> None:
    if not content_length.isdecimal() or int(content_length) > MAX_BODY_BYTES:
        raise BadRequestError(f"Content-Length: {content_length}")
    await reader.readexactly(int(content_length))
