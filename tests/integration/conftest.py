"""Fixtures of integration tests: a real Redis, and settings with folders of the test's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from core.settings import Settings, get_settings
from tests.support.machines import Machines
from tests.support.postgres_process import PostgresProcess, postgres_or_skip
from tests.support.processes import children
from tests.support.redis_process import RedisProcess


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """One server for all tests; those that kill theirs start one of their own."""
    with RedisProcess(tmp_path_factory.mktemp("redis")) as process:
        yield process


@pytest.fixture
def redis_client(redis_process: RedisProcess) -> Iterator[redis.Redis]:
    """A client of the empty server."""
    with redis_process.client() as client:
        client.flushall()
        yield client


@pytest.fixture
def redis_url(redis_process: RedisProcess, redis_client: redis.Redis) -> str:
    """Address of the empty server, password and all."""
    return redis_process.url


@pytest.fixture
def frame_dir() -> Iterator[Path]:
    """A folder in memory."""
    folder = Path(tempfile.mkdtemp(prefix="camrec-test-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(tmp_path: Path, redis_url: str, frame_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of an installation of the test's own; child processes get the same from the environment."""
    values = {
        "DATA": tmp_path / "data",
        "REDIS_URL": redis_url,
        "FRAME_DIR": frame_dir,
        "FRAME_MEMORY": "200MB",
        "ALLOW_FILES": "true",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"CAMREC_{name}", str(value))
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


@pytest.fixture
def own_postgres() -> Iterator[PostgresProcess]:
    """A server that the test may stop or freeze."""
    with postgres_or_skip() as process:
        yield process


@pytest.fixture
def machines(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    monkeypatch.setenv("CAMREC_NODE", "a")
    get_settings.cache_clear()
    with children(tmp_path) as processes:
        made = Machines(get_settings(), tmp_path, processes)
        yield made
        made.end()
        made.database.close()
