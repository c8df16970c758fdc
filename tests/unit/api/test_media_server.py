"""What `camrec media` gives to whom."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import jwt
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.media_server.application import create_media_app
from app.system import programs
from core.settings import load_settings
from storage.media_tokens import LIFETIME_S, PURPOSE, MediaTokens
from storage.secrets import Secrets
from tests.support.manual_clock import ManualClock

CONTENT = bytes(range(100))
FILE = "/media/frames/1/one.jpg"


class Server:
    """A data folder with a file that may be read, and others that may not."""

    def __init__(self, folder: Path) -> None:
        data, self.clock = folder / "data", ManualClock()
        media = data / "media"
        for path in ("frames/1/one.jpg", ".fetched/frames/1/copy.jpg", "frames/1/.draft.jpg.ab12"):
            (media / path).parent.mkdir(parents=True, exist_ok=True)
            (media / path).write_bytes(CONTENT)
        (folder / "outside.jpg").write_bytes(b"private")
        (media / "frames" / "link.jpg").symlink_to(folder / "outside.jpg")
        (media / "frames" / "inside.jpg").symlink_to(media / "frames/1/one.jpg")
        config = load_settings({"CAMREC_DATA": str(data)}, folder / "no.env")
        self.secrets = Secrets.of(config)
        self.tokens = MediaTokens(self.secrets, self.clock)
        self.client: FlaskClient = create_media_app(config, self.clock).test_client()

    def get(self, address: str, token: str | None = None, **headers: str) -> tuple[int, bytes]:
        token = self.tokens.issue(address) if token is None else token
        answer = self.client.get(quote(address), headers={"Authorization": f"Bearer {token}", **headers})
        return answer.status_code, answer.data


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return Server(tmp_path_factory.mktemp("media-server"))


def test_a_file_is_given_whole_in_part_or_not_at_all(server: Server) -> None:
    assert server.get(FILE) == (200, CONTENT)
    assert server.get(FILE, Range="bytes=10-19") == (206, CONTENT[10:20])
    headers = {"Authorization": f"Bearer {server.tokens.issue(FILE)}"}
    head = server.client.head(FILE, headers=headers)
    assert (head.status_code, head.headers["Content-Length"], head.data) == (200, "100", b"")
    assert server.client.get(FILE, headers=headers | {"If-None-Match": head.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    "wanted",
    ["bytes=100-", "bytes=5-1", "bytes=x-y", "bytes", "lines=1-2", "bytes=-0", "bytes=--1", "=", "bytes=1-2-3"],
)
def test_a_range_that_is_none_is_refused(server: Server, wanted: str) -> None:
    assert server.get(FILE, Range=wanted)[0] == 416


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../secret.key", id="out of the folder"),
        pytest.param("frames/../../secret.key", id="out of it by a detour"),
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("frames/link.jpg", id="link that leads out"),
        pytest.param(".fetched/frames/1/copy.jpg", id="copy of another machine's file"),
        pytest.param("frames/1/.draft.jpg.ab12", id="not whole yet"),
        pytest.param("frames/1", id="folder"),
        pytest.param("frames/1/two.jpg", id="no file"),
        pytest.param("frames/1/one.jpg/x", id="below a file"),
        pytest.param("frames/" + "x" * 300, id="too long a name"),
        pytest.param("frames/a\0b", id="NUL"),
    ],
)
def test_nothing_else_is_given(server: Server, path: str) -> None:
    status, body = server.get(f"/media/{path}")
    assert status in {308, 404}, body
    assert b"private" not in body
    assert CONTENT not in body


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.lists(st.sampled_from(["..", ".", "", "frames", "link.jpg", "secret.key", "~", "\\", "%2e%2e", "\0", "é"]))
)
def test_no_path_leads_out(server: Server, path: list[str]) -> None:
    status, body = server.get("/media/" + "/".join(path))
    assert 300 <= status < 500
    assert b"private" not in body
    assert server.secrets.derive("x") not in body


def test_a_link_within_the_folder_is_followed(server: Server) -> None:
    assert server.get("/media/frames/inside.jpg") == (200, CONTENT)


@pytest.mark.parametrize("garbage", ["", "x", "a.b.c", "é", "Bearer", "." * 500])
def test_garbage_is_no_token(server: Server, garbage: str) -> None:
    headers = {"Authorization": f"Bearer {garbage}".encode().decode("latin-1")}
    assert server.client.get(FILE, headers=headers).status_code == 401


def test_a_token_is_for_one_file_for_a_while_from_the_same_installation(server: Server, tmp_path: Path) -> None:
    assert server.client.get(FILE).status_code == 401
    status, body = server.get(FILE, server.tokens.issue("/media/frames/inside.jpg"))
    assert (status, b"for another file" in body) == (401, True)
    stranger = MediaTokens(Secrets(tmp_path), server.clock)
    status, body = server.get(FILE, stranger.issue(FILE))
    assert (status, b"the same secret.key" in body) == (401, True)
    unsigned = jwt.encode({"sub": FILE, "exp": 2**40}, "", "none")
    assert server.get(FILE, unsigned)[0] == 401
    timeless = jwt.encode({"sub": FILE}, server.secrets.derive(PURPOSE), "HS256")
    assert server.get(FILE, timeless)[0] == 401
    odd = jwt.encode({"sub": FILE, "exp": "soon"}, server.secrets.derive(PURPOSE), "HS256")
    assert server.get(FILE, odd)[0] == 401
    token = server.tokens.issue(FILE)
    server.clock.advance(LIFETIME_S - 1)
    assert server.get(FILE, token)[0] == 200
    server.clock.advance(2)
    status, body = server.get(FILE, token)
    assert (status, b"clocks" in body) == (401, True)


@pytest.mark.parametrize(("url", "runs"), [("http://10.0.0.2:15440", True), ("", False)])
def test_up_runs_it_where_other_machines_are_to_reach_it(tmp_path: Path, url: str, runs: bool) -> None:
    config = load_settings({"CAMREC_DATA": str(tmp_path), "CAMREC_NODE_URL": url}, tmp_path / "no.env")
    assert ("media" in {program.name for program in programs(config)}) is runs
