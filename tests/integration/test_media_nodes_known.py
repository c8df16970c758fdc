"""Who serves media is known from Redis; while Redis hangs, requests do not wait for it one after another."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.ports import free_port
from core.errors import UnavailableError
from core.settings import load_settings
from storage import media_nodes
from storage.media_nodes import MediaNodes
from tests.support.processes import children
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

REQUESTS = 8
WAIT_S = 0.5


@pytest.mark.parametrize("is_known", [False, True], ids=["never asked", "known from before"])
def test_one_waits_for_a_redis_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool) -> None:
    monkeypatch.setattr(media_nodes, "REDIS_TIMEOUT_S", WAIT_S)
    monkeypatch.setattr(media_nodes, "_KNOWN_FOR_S", 3 * WAIT_S)
    (tmp_path / "redis").mkdir()

    def ask(nodes: MediaNodes) -> tuple[float, list[str] | None]:
        began_s = time.monotonic()
        try:
            found = list(nodes.all())
        except UnavailableError:
            found = None
        return time.monotonic() - began_s, found

    with RedisProcess(tmp_path / "redis") as server:
        environ = {"CAMREC_DATA": str(tmp_path), "CAMREC_REDIS_URL": server.url}
        nodes = MediaNodes(load_settings(environ, tmp_path / "no.env"))
        nodes.announce("b", "http://10.0.0.2:15440")
        if is_known:
            assert list(nodes.all()) == ["b"]
            nodes._known_until_s = 0.0  # as after a while
        with server.frozen(), ThreadPoolExecutor(REQUESTS) as pool:
            answers = list(pool.map(ask, [nodes] * REQUESTS))
            again_s, _ = ask(nodes)
    assert [found for _, found in answers] == [["b"] if is_known else None] * REQUESTS
    assert max(waited_s for waited_s, _ in answers) < 2.5 * WAIT_S, "they did not wait one after another"
    assert again_s < WAIT_S / 2, "that it hangs is remembered for a while"
    if is_known:
        assert sum(waited_s > WAIT_S / 2 for waited_s, _ in answers) == 1


@pytest.mark.usefixtures("settings")
def test_a_machine_of_which_no_other_hears_says_so(tmp_path: Path) -> None:
    environ = {"CAMREC_NODE_URL": f"http://127.0.0.1:{free_port()}", "CAMREC_REDIS_URL": "redis://127.0.0.1:1/0"}
    with children(tmp_path) as started:
        process = started.start("media", "--host", "127.0.0.1", environ=environ)
        wait_until(
            lambda: "WARNING" in started.logs() and "Other machines do not hear where media are: " in started.logs(),
            "it says so",
            20,
        )
        assert process.poll() is None, started.logs()
