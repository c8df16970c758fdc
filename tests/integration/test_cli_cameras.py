from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result

from app.cli import main
from core import keys
from core.settings import get_settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.secrets import Secrets

URL = "rtsp://admin:geheim@10.0.0.5/main"
SCRIPT = Path(sys.executable).with_name("camrec")


class Cli:
    """The command line on a data folder of its own, in this process."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.redis_url: str | None = None

    def __call__(self, *args: str, stdin: str = "", status: int = 0) -> Result:
        get_settings.cache_clear()
        environ: dict[str, str | None] = {k: None for k in os.environ if k.startswith("CAMREC_")}
        environ |= {"CAMREC_DATA": str(self.data), "CAMREC_REDIS_URL": self.redis_url}
        result = CliRunner().invoke(main, args, input=stdin, env=environ)
        assert result.exit_code == status, result.output
        assert "geheim" not in result.output
        return result

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self("cameras", "list", "--json").stdout)
        return found

    def names(self) -> dict[int, str]:
        return {c["id"]: c["name"] for c in self.listed()}

    def stored(self) -> list[Camera]:
        get_settings.cache_clear()
        settings = get_settings().model_copy(update={"data": self.data, "database_url": None})
        database = Database(settings)
        try:
            return CameraStore(database, Secrets(self.data)).all()
        finally:
            database.close()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    monkeypatch.chdir(tmp_path)  # away from a developer's .env
    yield Cli(tmp_path / "data")
    get_settings.cache_clear()


def camrec(data: Path, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("CAMREC_")} | {"CAMREC_DATA": str(data)}
    return subprocess.run(
        [SCRIPT, *args], input=stdin, capture_output=True, text=True, env=environ, cwd=data.parent, timeout=60
    )


def test_a_camera_stored_with_another_key_is_listed_with_its_fault(cli: Cli) -> None:
    cli("cameras", "add", "gate", URL)
    (cli.data / "secret.key").unlink()
    listed = cli("cameras", "list")
    assert "gate" in listed.stdout
    assert listed.stderr.startswith("Camera 1 gate: A camera URL was encrypted with another key")


def test_as_a_process(tmp_path: Path) -> None:
    data = tmp_path / "data"
    added = camrec(data, "cameras", "add", "gate", "-", "--recognise", "plates:5", stdin=f"{URL}\n")
    assert (added.returncode, added.stdout, added.stderr) == (0, "Added camera 1 gate.\n", "")
    listed = camrec(data, "cameras", "list", "--json")
    (camera,) = json.loads(listed.stdout)
    assert camera["url"] == "rtsp://***@10.0.0.5/main"
    assert camera["recognitions"] == [{"kind": "plates", "fps": 5.0, "settings": {}, "models": {}}]
    assert (listed.returncode, listed.stderr) == (0, "")
    twice = camrec(data, "cameras", "add", "gate", URL)
    assert twice.returncode == 1
    assert twice.stdout == ""
    assert twice.stderr.startswith("Error: The name or the id of 'gate' is taken")
    assert twice.stderr.count("\n") == 1
    unknown = camrec(data, "cameras", "frobnicate")
    assert (unknown.returncode, unknown.stdout) == (2, "")


def test_add_takes_every_field(cli: Cli) -> None:
    options = [
        "--id",
        "7",
        "--detect-url",
        "-",
        "--recognise",
        "plates",
        "--disabled",
        "--no-tls-verify",
        "--keep-fps",
        "0.5",
    ]
    cli("cameras", "add", "gate", "-", *options, stdin=f"{URL}\nrtsp://admin:geheim@10.0.0.5/sub\n")
    (camera,) = cli.stored()
    assert (camera.id, camera.name, camera.url) == (7, "gate", URL)
    assert camera.detect_url == "rtsp://admin:geheim@10.0.0.5/sub"
    assert (camera.enabled, camera.tls_verify, camera.keep_fps) == (False, False, 0.5)
    assert [(r.kind, r.fps) for r in camera.recognitions] == [("plates", 5.0)]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(["gate", "admin:geheim@10.0.0.5"], "starts with one of rtsp://", id="no scheme"),
        pytest.param(["gate", "rtsp://u:gehe#geheim@h/"], "%23", id="hash in the password"),
        pytest.param(["gate", "file:///etc/passwd"], "CAMREC_ALLOW_FILES", id="file"),
        pytest.param([" ", URL], "name", id="no name"),
        pytest.param(["gate", URL, "--id", "0"], "2147483647", id="id"),
        pytest.param(["gate", URL, "--keep-fps", "9"], "keep_fps", id="keep_fps"),
        pytest.param(["gate", URL, "--recognise", "dogs"], "plates", id="kind"),
        pytest.param(["gate", URL, "--recognise", "plates:fast"], "number", id="fps no number"),
        pytest.param(["gate", URL, "--recognise", "plates:31"], "at most 30", id="fps too high"),
        pytest.param(["gate", URL, "--recognise", "plates", "--recognise", "plates:1"], "once", id="kind twice"),
        pytest.param(["gate"], "Missing argument 'URL'", id="no URL"),
    ],
)
def test_add_refuses_bad_usage(cli: Cli, args: list[str], message: str) -> None:
    assert message in cli("cameras", "add", *args, status=2).stderr
    assert cli.listed() == []


def test_list_for_people(cli: Cli) -> None:
    cli("cameras", "add", "[red]gate", URL, "--recognise", "plates:2.5", "--disabled")
    shown = cli("cameras", "list").stdout
    for word in ("[red]gate", "rtsp://***@10.0.0.5/main", "plates:2.5", "disabled"):
        assert word in shown


def test_disable_enable_and_remove_by_id_or_name(cli: Cli) -> None:
    for name in ("gate", "yard", "1"):
        cli("cameras", "add", name, URL)
    cli("cameras", "disable", "gate")
    cli("cameras", "disable", "2")
    assert [c["enabled"] for c in cli.listed()] == [False, False, True]
    cli("cameras", "enable", "1")  # an id comes before a name
    assert [c["enabled"] for c in cli.listed()] == [True, False, True]
    assert "yard" in cli("cameras", "remove", "yard", stdin="n\n", status=1).output
    cli("cameras", "remove", "yard", stdin="y\n")
    cli("cameras", "remove", "1", "--yes", "--purge")
    assert cli.names() == {3: "1"}
    assert "'yard'" in cli("cameras", "remove", "yard", "--yes", status=1).stderr


def test_changes_are_announced_and_states_shown(cli: Cli, redis_url: str, redis_client: redis.Redis) -> None:
    cli.redis_url = redis_url
    heard = redis_client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    heard.subscribe(keys.CAMERAS_CHANGED)
    heard.get_message(timeout=5)  # subscribed
    cli("cameras", "add", "gate", URL)
    cli("cameras", "import", "-", "--format", "csv", stdin="id,url\n1,rtsp://h/1\n2,rtsp://h/2\n")
    cli("cameras", "import", "-", "--format", "csv", "--dry-run", stdin="id,url\n1,rtsp://h/9\n")
    cli("cameras", "disable", "1")
    cli("cameras", "remove", "1", "--yes")
    messages = [heard.get_message(timeout=5) for _ in range(4)]
    heard.close()
    assert [m and m["data"] for m in messages] == [b"1", b"*", b"1", b"1"]
    assert [c["state"] for c in cli.listed()] == [None]
    redis_client.set(keys.camera_status(2), json.dumps({"state": "streaming", "node": "hall"}))
    assert [(c["state"], c["node"]) for c in cli.listed()] == [("streaming", "hall")]


@pytest.mark.parametrize("how", ["remove", "import --replace"])
def test_counters_go_with_the_camera(cli: Cli, redis_url: str, redis_client: redis.Redis, how: str) -> None:
    cli.redis_url = redis_url
    for name in ("gate", "yard"):
        cli("cameras", "add", name, "rtsp://192.0.2.1/")
    redis_client.hset(keys.SERVED, mapping={"plates:1": 3, "plates:2": 4})
    if how == "remove":
        cli("cameras", "remove", "gate", "--yes")
    else:
        cli("cameras", "import", "--replace", "--format", "csv", "-", stdin="id,name,url\n2,yard,rtsp://192.0.2.1/\n")
    assert redis_client.hgetall(keys.SERVED) == {b"plates:2": b"4"}


def test_without_redis_everything_but_the_state_is_there(cli: Cli) -> None:
    cli.redis_url = "redis://:geheim@127.0.0.1:1/0"
    cli("cameras", "add", "gate", URL)
    assert [c["state"] for c in cli.listed()] == [None]


def test_import_adds_changes_and_leaves(cli: Cli) -> None:
    cli("cameras", "add", "gate", URL, "--recognise", "plates:2")
    cli("cameras", "add", "other", URL)
    cli("cameras", "add", "same", "rtsp://h/same")
    Path("list.csv").write_text(
        "id,name,url,enabled,recognitions\n"
        "1,,rtsp://***@10.0.0.5/main,no,\n"
        ",same,rtsp://h/same,,\n"
        "9,,rtsp://h/9,,plates:1\n"
        ",,rtsp://h/10,,\n"
    )
    planned = cli("cameras", "import", "list.csv", "--recognise", "plates:4", "--dry-run").stdout
    assert planned == "2 added, 1 changed, 1 unchanged, 0 removed (dry run: nothing was stored)\n"
    assert len(cli.listed()) == 3
    done = cli("cameras", "import", "list.csv", "--recognise", "plates:4").stdout
    assert done == "2 added, 1 changed, 1 unchanged, 0 removed\n"
    stored = {c.name: c for c in cli.stored()}
    assert list(stored) == ["gate", "other", "same", "camera-9", "camera-10"]
    assert (stored["gate"].url, stored["gate"].enabled) == (URL, False)
    rates = {name: [r.fps for r in c.recognitions] for name, c in stored.items()}
    assert rates == {"gate": [2.0], "other": [], "same": [], "camera-9": [1.0], "camera-10": [4.0]}
    again = cli("cameras", "import", "list.csv", "--recognise", "plates:4").stdout
    assert again == "0 added, 0 changed, 4 unchanged, 0 removed\n"
    replaced = cli("cameras", "import", "list.csv", "--replace").stdout
    assert replaced == "0 added, 0 changed, 4 unchanged, 1 removed\n"
    assert set(cli.names().values()) == {"gate", "same", "camera-9", "camera-10"}


@pytest.mark.parametrize("only", [[], ["--replace"]])
def test_import_is_all_or_nothing(cli: Cli, only: list[str]) -> None:
    cli("cameras", "add", "gate", URL)
    Path("list.json").write_text(
        json.dumps({"cameras": [{"id": 5, "url": "rtsp://h/5"}, {"id": 5, "url": "ftp://u:geheim@h"}, {"id": "x"}]})
    )
    refused = cli("cameras", "import", "list.json", *only, status=1)
    assert refused.stdout == ""
    lines = refused.stderr.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == ["camera 2, url", "camera 3, url", "camera 3, id"]
    assert lines[-1] == "Error: 3 faults in the list; nothing was stored."
    assert cli.names() == {1: "gate"}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        pytest.param("empty.csv", b"", "nothing in it", id="empty"),
        pytest.param("header.csv", b"id,url\n", "no cameras", id="header alone"),
        pytest.param("none.json", b"[]", "no cameras", id="empty list"),
        pytest.param("picture.csv", b"\x89PNG\xff", "UTF-8", id="binary"),
        pytest.param("huge.csv", b"url\n" + b"\n" * 20_000_000, "20 MB", id="huge"),
        pytest.param("cameras", b"url\n", "--format", id="no ending"),
        pytest.param("missing.csv", None, "No such file", id="missing"),
    ],
)
def test_import_of_what_is_no_list(cli: Cli, name: str, data: bytes | None, message: str) -> None:
    cli("cameras", "add", "gate", URL)
    if data is not None:
        Path(name).write_bytes(data)
    assert message in cli("cameras", "import", name, "--replace", status=1).stderr
    assert cli.names() == {1: "gate"}


def test_import_from_standard_input(cli: Cli) -> None:
    cli("cameras", "import", "-", "--format", "yaml", stdin="- {name: gate, url: 'rtsp://h/1'}\n")
    assert cli.names() == {1: "gate"}


@pytest.fixture
def other_database(tmp_path: Path) -> str:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE cameras (id INTEGER, url TEXT, title TEXT, active INTEGER)")
        rows = [(4, "rtsp://h/4", "four", 1), (2, URL, None, 0)]
        database.executemany("INSERT INTO cameras VALUES (?, ?, ?, ?)", rows)
    database.close()
    return f"sqlite:///{path}"


def test_import_from_another_database(cli: Cli, other_database: str) -> None:
    cli("cameras", "import", other_database)
    assert cli.names() == {2: "camera-2", 4: "camera-4"}
    query = "SELECT id, url, title AS name, active AS enabled FROM cameras"
    done = cli("cameras", "import", "-", "--format", "sql", "--query", query, stdin=f"{other_database}\n").stdout
    assert done == "0 added, 2 changed, 0 unchanged, 0 removed\n"
    assert [(c.id, c.name, c.enabled) for c in cli.stored()] == [(2, "camera-2", False), (4, "four", True)]


@pytest.mark.parametrize(
    ("url", "query", "message"),
    [
        pytest.param("sqlite:///missing.db", "SELECT 1", "no such file", id="no file"),
        pytest.param("OTHER", "SELECT id FROM cameras", "got id", id="no url column"),
        pytest.param("OTHER", "SELEKT", "syntax error", id="syntax"),
        pytest.param("OTHER", "SELECT id, url FROM missing", "no such table", id="no table"),
        pytest.param("OTHER", "DELETE FROM cameras", "no rows", id="no query"),
        pytest.param("postgresql+psycopg://u:geheim@127.0.0.1:1/x", "SELECT 1", "refused", id="no server"),
        pytest.param("nosuch://u:geheim@h/x", "SELECT 1", "nosuch", id="no such dialect"),
    ],
)
def test_databases_that_cannot_be_asked(cli: Cli, other_database: str, url: str, query: str, message: str) -> None:
    source = other_database if url == "OTHER" else url
    refused = cli("cameras", "import", source, "--query", query, status=1).stderr
    assert message in refused
    assert refused.startswith("Error: ")
    assert refused.count("\n") == 1
    cli("cameras", "import", other_database)  # nothing in it was changed
    assert len(cli.listed()) == 2


class _Guarded(SimpleHTTPRequestHandler):
    """Files for who logs in as admin / geheim."""

    def do_GET(self) -> None:
        if self.headers["Authorization"] == "Basic YWRtaW46Z2VoZWlt":
            super().do_GET()
        else:
            self.send_error(401)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "list.csv").write_text("id,url\n5,rtsp://h/5\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Guarded, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_import_from_a_web_server(cli: Cli, web: str) -> None:
    assert "401" in cli("cameras", "import", f"http://{web}/list.csv", status=1).stderr
    assert "404" in cli("cameras", "import", f"http://admin:geheim@{web}/none.csv", status=1).stderr
    cli("cameras", "import", f"http://admin:geheim@{web}/list.csv?x=1")
    assert cli.names() == {5: "camera-5"}


def test_users(cli: Cli) -> None:
    cli("users", "add", "eva", "--role", "admin", "--password-stdin", stdin="geheim-lang\n")
    cli("users", "add", "tom", "--password-stdin", stdin="geheim-lang\n")
    found = json.loads(cli("users", "list", "--json").stdout)
    assert [(u["name"], u["role"]) for u in found] == [("eva", "admin"), ("tom", "viewer")]
    cli("users", "password", "tom", "--password-stdin", stdin="geheim-neu\n")
    assert "at least 8" in cli("users", "password", "tom", "--password-stdin", stdin="geheim\n", status=1).stderr
    assert "--password-stdin" in cli("users", "add", "max", status=2).stderr
    cli("users", "remove", "tom", "--yes")
    assert "last administrator" in cli("users", "remove", "eva", "--yes", status=1).stderr
    assert "eva" in cli("users", "list").stdout
