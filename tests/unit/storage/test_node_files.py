"""What comes of the answers that another machine may give, true ones and others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import UnavailableError
from storage import node_files
from storage.fetched import FetchedCopies
from storage.media import Media
from storage.media_nodes import MediaNode
from storage.media_tokens import MediaTokens
from storage.node_files import NodeFiles, NodeUnreachableError
from storage.secrets import Secrets
from tests.support.manual_clock import ManualClock

PATH = "frames/1/ä b.jpg"
BODY = b"x" * 1000


class OtherMachine(ThreadingHTTPServer):
    """Answers as it is told to."""

    request_queue_size = 32
    answer: Callable[[BaseHTTPRequestHandler], None]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: OtherMachine

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answer(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


def reply(status: int, body: bytes = BODY, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"ETag": '"1-3e8"', "Content_Length": str(len(body)), **headers}.items():
            if value:
                handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drip(handler: BaseHTTPRequestHandler) -> None:
    reply(200, b"", Content_Length="1000")(handler)
    for _ in range(100):
        try:
            handler.wfile.write(b"x" * 10)
        except OSError:
            return
        time.sleep(0.01)


def break_off(handler: BaseHTTPRequestHandler) -> None:
    reply(200, b"some", Content_Length="1000")(handler)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


class Nodes:
    """Who is known."""

    def __init__(self, *nodes: MediaNode) -> None:
        self.known = {node.name: node for node in nodes}

    def all(self) -> dict[str, MediaNode]:
        return self.known


@pytest.fixture
def other() -> Iterator[OtherMachine]:
    with OtherMachine() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def copies(tmp_path: Path) -> FetchedCopies:
    return FetchedCopies(tmp_path / ".fetched", 1e9)


@pytest.fixture
def files(other: OtherMachine, tmp_path: Path) -> NodeFiles:
    b = MediaNode("b", f"http://127.0.0.1:{other.server_port}", 1.0)
    tokens = MediaTokens(Secrets(tmp_path), ManualClock())
    return NodeFiles(Nodes(b, MediaNode("off", "http://192.0.2.1", 99.0)), tokens, "a")  # type: ignore[arg-type]


def test_a_file_is_copied_and_found_unchanged_the_next_time(
    files: NodeFiles, other: OtherMachine, copies: FetchedCopies
) -> None:
    other.answer = reply(200)
    assert files.get(PATH, "b", copies)
    assert copies.locate(PATH).read_bytes() == BODY
    assert other.asked == ["/media/frames/1/%C3%A4%20b.jpg"]
    seen: list[str | None] = []

    def unchanged(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["If-None-Match"])
        reply(304, b"")(handler)

    other.answer = unchanged
    assert files.get(PATH, "b", copies)
    assert seen == ['"1-3e8"']


@pytest.mark.parametrize("node", [None, "b", "off", "unheard-of"])
def test_what_is_nowhere_is_not_there_or_on_a_machine_that_is_off(
    files: NodeFiles, other: OtherMachine, copies: FetchedCopies, node: str | None
) -> None:
    other.answer = reply(404)
    if node in {None, "b"}:
        assert not files.get(PATH, node, copies)
    else:
        with pytest.raises(NodeUnreachableError, match=rf"lies on machine {node}, which was (never )?heard of"):
            files.get(PATH, node, copies)
    assert len(other.asked) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(reply(401, b"The clock!"), "Machine b answers 401: The clock!", id="refused"),
        pytest.param(reply(500, b"oops"), "Machine b answers 500: oops", id="broken"),
        pytest.param(reply(302, b"", Location="http://192.0.2.1/"), "Machine b answers 302", id="sent elsewhere"),
        pytest.param(reply(200, ETag=""), "something else answers than machine b", id="no version"),
        pytest.param(reply(200, ETag='"nonsense"'), "something else answers than machine b", id="no such version"),
        pytest.param(reply(200, Content_Length=""), "something else answers than machine b", id="no length"),
        pytest.param(break_off, "Machine b cannot be reached", id="breaks off"),
        pytest.param(hang_up, "Machine b cannot be reached", id="hangs up"),
        pytest.param(drip, "TooSlow", id="drips"),
    ],
)
def test_a_bad_answer_is_told_and_leaves_nothing(
    files: NodeFiles,
    other: OtherMachine,
    copies: FetchedCopies,
    answer: Callable[[BaseHTTPRequestHandler], None],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_files, "LEAST_BYTES_PER_S", 1e5)
    monkeypatch.setattr(node_files, "CHUNK_BYTES", 10)
    monkeypatch.setattr(node_files, "TIMEOUT_S", 0.1)
    other.answer = answer
    with pytest.raises(NodeUnreachableError, match=message):
        files.get(PATH, "b", copies)
    assert not copies.want(PATH)
    assert [f for f in copies.locate("").rglob("*") if f.is_file()] == []


def test_a_machine_that_did_not_answer_is_avoided_for_a_while(
    files: NodeFiles, other: OtherMachine, copies: FetchedCopies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_files, "AVOIDED_S", 0.2)
    other.answer = hang_up
    for message in ("cannot be reached", "a moment ago"):
        with pytest.raises(NodeUnreachableError, match=message):
            files.get(PATH, "b", copies)
    assert len(other.asked) == 1
    other.answer = reply(200)
    time.sleep(0.25)
    assert files.get(PATH, "b", copies)


def test_no_more_are_read_at_once_than_may_be(
    files: NodeFiles, other: OtherMachine, copies: FetchedCopies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_files, "TIMEOUT_S", 0.1)
    may_answer = threading.Event()

    def wait(handler: BaseHTTPRequestHandler) -> None:
        may_answer.wait(10)
        reply(200)(handler)

    other.answer = wait
    readers = [
        threading.Thread(target=files.get, args=(f"{n}.jpg", "b", copies)) for n in range(node_files.MOST_AT_ONCE)
    ]
    for reader in readers:
        reader.start()
    while len(other.asked) < len(readers):
        time.sleep(0.01)
    with pytest.raises(UnavailableError, match="files of other machines are being read"):
        files.get(PATH, "b", copies)
    may_answer.set()
    for reader in readers:
        reader.join()
    assert files.get(PATH, "b", copies)


def test_a_file_that_many_want_is_read_once(files: NodeFiles, other: OtherMachine, tmp_path: Path) -> None:
    may_answer = threading.Event()
    sent: list[int] = []

    def wait(handler: BaseHTTPRequestHandler) -> None:
        may_answer.wait(10)
        status = 304 if handler.headers["If-None-Match"] else 200
        sent.append(status)
        reply(status, BODY if status == 200 else b"")(handler)

    other.answer = wait
    media = Media(tmp_path, "a", nodes=files)
    found: list[bytes | None] = []
    readers = [threading.Thread(target=lambda: found.append(media.read(PATH, "b"))) for _ in range(4)]
    for reader in readers:
        reader.start()
    while not other.asked:
        time.sleep(0.01)
    time.sleep(0.05)  # the others would ask now
    assert len(other.asked) == 1
    may_answer.set()
    for reader in readers:
        reader.join()
    assert found == [BODY] * 4
    assert sent == [200, 304, 304, 304]


def test_who_waits_too_long_for_a_file_is_told(
    files: NodeFiles, copies: FetchedCopies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.fetched.WAIT_S", 0.01)
    media = Media(tmp_path, "a", nodes=files, copies=copies)
    with copies.one_at_a_time(PATH), pytest.raises(UnavailableError, match="still being copied"):
        media.read(PATH, "b")
