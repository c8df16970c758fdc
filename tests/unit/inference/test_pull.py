from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inference.catalogue import entry_of
from inference.manifest import ModelEntry
from inference.pull import PullError, PullResult, pull

CONTENT = bytes(range(256)) * 4000
CUT_AT = 300_000


class Mirror(ThreadingHTTPServer):
    """Serves `content` with ranges; breaks off after `cut_at` bytes as long as that is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = CONTENT
        self.cut_at: int | None = None
        self.knows_ranges = True
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models/model.onnx"


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        asked = self.headers.get("Range") if self.server.knows_ranges else None
        self.server.ranges.append(asked)
        if not self.path.endswith("model.onnx"):
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        body = self.server.content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut_at])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def entry(mirror: Mirror) -> ModelEntry:
    return replace(
        entry_of("hyperlpr_y5fu_320x"),
        url=mirror.url,
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )


def pull_one(entry: ModelEntry, models_dir: Path, source: Path | None = None) -> PullResult:
    (pulled,) = pull([entry], models_dir, source, lambda *_: None)
    return pulled.result


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_is_pulled_whole_and_then_is_there(entry: ModelEntry, mirror: Mirror, tmp_path: Path) -> None:
    seen: list[int] = []
    pull([entry], tmp_path / "new", None, lambda _, done_bytes: seen.append(done_bytes))

    assert files_in(tmp_path / "new") == {entry.file: CONTENT}
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, len(CONTENT))
    assert pull_one(entry, tmp_path / "new") is PullResult.PRESENT
    assert len(mirror.ranges) == 1


def test_a_download_that_broke_off_goes_on_where_it_was(entry: ModelEntry, mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_at = CUT_AT
    with pytest.raises(PullError, match=r"broke off .*300000 of 1024000.*Try again"):
        pull_one(entry, tmp_path)
    assert files_in(tmp_path) == {f"{entry.file}.part": CONTENT[:CUT_AT]}

    mirror.cut_at = None

    assert pull_one(entry, tmp_path) is PullResult.PULLED
    assert files_in(tmp_path) == {entry.file: CONTENT}
    assert mirror.ranges == [None, f"bytes={CUT_AT}-"]


def test_a_host_without_ranges_is_read_from_the_start(entry: ModelEntry, mirror: Mirror, tmp_path: Path) -> None:
    mirror.knows_ranges = False
    (tmp_path / f"{entry.file}.part").write_bytes(CONTENT[:CUT_AT])
    assert pull_one(entry, tmp_path) is PullResult.PULLED
    assert files_in(tmp_path) == {entry.file: CONTENT}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(CONTENT[:-1] + b"?", id="other bytes"),
        pytest.param(CONTENT + b"?", id="longer"),
    ],
)
def test_another_file_is_refused_and_nothing_stays(
    entry: ModelEntry, mirror: Mirror, tmp_path: Path, content: bytes
) -> None:
    mirror.content = content
    with pytest.raises(PullError, match=f"expected {len(CONTENT)} bytes with SHA-256 {entry.sha256}, found"):
        pull_one(entry, tmp_path)
    assert files_in(tmp_path) == {}


def test_the_rest_of_another_file_is_refused_and_the_next_pull_starts_anew(entry: ModelEntry, tmp_path: Path) -> None:
    (tmp_path / f"{entry.file}.part").write_bytes(b"?" * CUT_AT)
    with pytest.raises(PullError, match="is not the file that the catalogue describes"):
        pull_one(entry, tmp_path)
    assert pull_one(entry, tmp_path) is PullResult.PULLED


def test_a_file_that_was_damaged_since_is_pulled_again(entry: ModelEntry, tmp_path: Path) -> None:
    (tmp_path / entry.file).write_bytes(b"?" * len(CONTENT))
    assert pull_one(entry, tmp_path) is PullResult.PULLED
    assert files_in(tmp_path) == {entry.file: CONTENT}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("{base}/gone.bin", "answered 404", id="not found"),
        pytest.param("http://127.0.0.1:1/model.onnx", r"127\.0\.0\.1:1 cannot be reached.*--from DIR", id="no host"),
    ],
)
def test_what_cannot_be_had_is_told_with_a_way_out(
    entry: ModelEntry, mirror: Mirror, tmp_path: Path, url: str, message: str
) -> None:
    base = mirror.url.rpartition("/")[0]
    with pytest.raises(PullError, match=message):
        pull_one(replace(entry, url=url.format(base=base)), tmp_path)
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("hyperlpr_y5fu_320x.onnx", id="name of the catalogue"),
        pytest.param("model.onnx", id="name of the URL"),
    ],
)
def test_a_mirror_in_a_folder_is_copied(entry: ModelEntry, mirror: Mirror, tmp_path: Path, name: str) -> None:
    source = tmp_path / "mirror"
    source.mkdir()
    (source / name).write_bytes(CONTENT)
    assert pull_one(entry, tmp_path / "models", source) is PullResult.PULLED
    assert files_in(tmp_path / "models") == {entry.file: CONTENT}
    assert mirror.ranges == []


def test_what_the_folder_lacks_is_told_and_what_is_wrong_in_it_refused(entry: ModelEntry, tmp_path: Path) -> None:
    source = tmp_path / "mirror"
    source.mkdir()
    assert pull_one(entry, tmp_path / "models", source) is PullResult.NOT_THERE
    (source / entry.file).write_bytes(b"?")
    with pytest.raises(PullError, match="found 1 bytes"):
        pull_one(entry, tmp_path / "models", source)
    assert files_in(tmp_path / "models") == {}
    with pytest.raises(PullError, match="No folder"):
        pull_one(entry, tmp_path / "models", tmp_path / "none")


def test_a_bundled_model_needs_no_pull(tmp_path: Path) -> None:
    assert pull_one(entry_of("ppocr_v6_rec_small"), tmp_path) is PullResult.BUNDLED


def test_a_models_folder_that_cannot_be_written_is_named(entry: ModelEntry, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(PullError, match="cannot be written to"):
        pull_one(entry, tmp_path / "models")
