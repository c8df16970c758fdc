"""Media of other machines, read over HTTP from their `camrec media`. Waits are short: somebody waits for the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

from core.errors import UnavailableError
from core.figures import MEDIA_ERRORS
from storage.fetched import FetchedCopies, modified_ns_of, version_of
from storage.media_nodes import MediaNode, MediaNodes
from storage.media_tokens import MediaTokens

TIMEOUT_S = 3.0
"""For a connection, and for each piece of an answer."""
AVOIDED_S = 5.0
"""A machine that did not answer is asked again so much later, by one request, and the others are refused at once."""
MOST_AT_ONCE = 8
"""Files that one `NodeFiles` reads from others at a time: who waits for them holds a thread."""
LEAST_BYTES_PER_S = 500_000.0
"""What is slower is given up."""
CHUNK_BYTES = 1 << 18
FILES = "/media/"
"""Where a machine serves the files of its media folder."""
LIVE_FILES = "/live/"
"""Where it serves what its recorders write just now."""
RECORDED = "recorded"
"""Name of the playlist of what is recorded anyway; `storage.live.LIVE`: of what is written while somebody watches."""


def live_playlist_address(camera_id: int, kind: str) -> str:
    """Where a machine serves a camera's live playlist; kind: `RECORDED` or `storage.live.LIVE`."""
    return f"{LIVE_FILES}{camera_id}/{kind}.m3u8"


def live_file_address(camera_id: int, name: str) -> str:
    """Where it serves a file that the playlist names."""
    return f"{LIVE_FILES}{camera_id}/{name}.mp4"


class NodeUnreachableError(UnavailableError):
    """A machine that holds media does not answer."""


class _TooSlowError(HTTPError):
    """An answer drips."""


class NodeFiles:
    """Reads files of other machines. Safe for threads."""

    def __init__(self, nodes: MediaNodes, tokens: MediaTokens, own: str) -> None:
        """Nothing is asked yet.

        Args:
            nodes: Where they are.
            tokens: That they take.
            own: Name of this machine, which is not asked.
        """
        self._nodes, self._tokens, self._own = nodes, tokens, own
        self._http = urllib3.PoolManager(
            num_pools=16,
            maxsize=MOST_AT_ONCE,
            timeout=urllib3.Timeout(connect=TIMEOUT_S, read=TIMEOUT_S),
            retries=False,
        )
        self._at_once = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._avoided_until_s: dict[str, float] = {}

    def get(self, path: str, node: str | None, copies: FetchedCopies) -> bool:
        """As `storage.media.Elsewhere` has it. The row's node is asked or, where it is not among the living or not
        known, all others: it may have got another name.

        Raises:
            NodeUnreachableError: the machine that has the file, or may have it, does not answer.
        """
        known = self._nodes.all()
        named = known.get(node) if node else None
        asked = [named] if named and named.is_alive else [n for n in known.values() if n.is_alive]
        fault: UnavailableError | None = None
        for one in asked:
            if one.name != self._own:
                try:
                    if self._get_from(one, path, copies):
                        return True
                except NodeUnreachableError as error:
                    MEDIA_ERRORS.labels(one.name).inc()
                    fault = error
        if node and node not in {one.name for one in asked} and known:
            MEDIA_ERRORS.labels(node).inc()
            said = f"was heard of {named.silent_s:.0f} s ago" if named else "was never heard of"
            fault = NodeUnreachableError(
                f"{path} lies on machine {node}, which {said}: does `camrec media` run there? "
                f"If it is gone for good: `camrec nodes forget {node}`."
            )
        if fault is not None:
            raise fault
        return False

    def _get_from(self, node: MediaNode, path: str, copies: FetchedCopies) -> bool:
        have = copies.locate(path)
        headers = {}
        with suppress(FileNotFoundError):
            headers["If-None-Match"] = f'"{version_of(have)}"'
        with self.opened(node, FILES + path, headers) as answer:
            if answer.status == 304:
                return copies.want(path)
            if answer.status == 404:
                return False
            size_bytes = int(answer.headers["Content-Length"])
            modified_ns = modified_ns_of(answer.headers["ETag"].strip('"'))
            copies.write(path, size_bytes, _in_time(answer, size_bytes), modified_ns)
        return True

    @contextmanager
    def opened(
        self, node: MediaNode, address: str, headers: dict[str, str] | None = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """An answer that the block reads: status 200, 206, 304, 404 or 416.

        Raises:
            NodeUnreachableError: there is none, or it breaks off.
        """
        self._refuse_avoided(node)
        if not self._at_once.acquire(timeout=TIMEOUT_S):
            raise UnavailableError(f"{MOST_AT_ONCE} files of other machines are being read; try again.")
        try:
            self._refuse_avoided(node)  # it may have fallen silent while others were read
            if node.name in self._avoided_until_s:
                self._avoid(node)  # one request finds out whether it is back
            with self._told(node):
                sent = {"Authorization": f"Bearer {self._tokens.issue(address)}", **(headers or {})}
                answer = self._http.request(
                    "GET", node.url + quote(address), headers=sent, preload_content=False, redirect=False
                )
                try:
                    self._avoided_until_s.pop(node.name, None)
                    if answer.status not in {200, 206, 304, 404, 416}:
                        why = answer.read(500).decode(errors="replace").strip()
                        raise NodeUnreachableError(f"Machine {node.name} answers {answer.status}: {why}")
                    yield answer
                finally:
                    answer.drain_conn() if answer.status in {304, 404} else answer.close()
                    answer.release_conn()
        finally:
            self._at_once.release()

    @contextmanager
    def _told(self, node: MediaNode) -> Iterator[None]:
        try:
            yield
        except (HTTPError, OSError) as error:
            self._avoid(node)
            cause = type(error).__name__.removesuffix("Error")
            raise NodeUnreachableError(f"Machine {node.name} cannot be reached at {node.url}: {cause}.") from error
        except (KeyError, ValueError) as error:
            raise NodeUnreachableError(f"At {node.url} something else answers than machine {node.name}.") from error

    def _refuse_avoided(self, node: MediaNode) -> None:
        if time.monotonic() < self._avoided_until_s.get(node.name, 0.0):
            raise NodeUnreachableError(f"Machine {node.name} could not be reached a moment ago, at {node.url}.")

    def _avoid(self, node: MediaNode) -> None:
        self._avoided_until_s[node.name] = time.monotonic() + AVOIDED_S


def _in_time(answer: urllib3.BaseHTTPResponse, size_bytes: int) -> Iterator[bytes]:
    """The content, unless it drips: no single wait is too long then, but all of them together."""
    deadline_s = time.monotonic() + TIMEOUT_S + size_bytes / LEAST_BYTES_PER_S
    for chunk in answer.stream(CHUNK_BYTES):
        yield chunk
        if time.monotonic() > deadline_s:
            raise _TooSlowError
