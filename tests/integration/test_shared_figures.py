"""What single processes count adds up in Redis, whatever becomes of the processes or of Redis."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from prometheus_client import Counter, Histogram

from core import keys
from core.shared_registry import SharedRegistry
from tests.support.redis_process import RedisProcess

pytestmark = pytest.mark.integration

_COUNTS = """
import os, signal, sys
from core.figures import INFERENCE_SECONDS, REGISTRY
from core.redis_client import connect_redis
from core.settings import get_settings

client = connect_redis(get_settings())
for seconds in (0.004, 0.04, 100.0):
    INFERENCE_SECONDS.labels("plates").observe(seconds)
REGISTRY.flush(client)
REGISTRY.flush(client)
INFERENCE_SECONDS.labels("plates").observe(0.04)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
REGISTRY.flush(client)
"""


class Process:
    """What one process counts."""

    def __init__(self) -> None:
        self.registry = SharedRegistry()
        self.errors = Counter("errors", "Errors", ["kind"], registry=self.registry)
        self.seconds = Histogram("seconds", "Time", buckets=(1, 10), registry=self.registry)


def totals(registry: SharedRegistry, client: redis.Redis) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in registry.totals(client)
        for sample in family.samples
    }


@pytest.mark.usefixtures("settings")
def test_processes_add_up_and_a_killed_one_keeps_what_it_had_said(redis_client: redis.Redis) -> None:
    from core.figures import REGISTRY

    for end in ("well", "killed", "well"):
        run = subprocess.run([sys.executable, "-P", "-c", _COUNTS, end], check=False, timeout=30)
        assert run.returncode == (-signal.SIGKILL if end == "killed" else 0)
    found = totals(REGISTRY, redis_client)
    name = "camrec_inference_seconds"
    assert found[f"{name}_count", "plates"] == 4 + 3 + 4
    assert found[f"{name}_sum", "plates"] == pytest.approx(3 * 100.044 + 2 * 0.04)
    assert found[f"{name}_bucket", "plates", "0.005"] == 3
    assert found[f"{name}_bucket", "plates", "0.05"] == 8
    assert found[f"{name}_bucket", "plates", "+Inf"] == 11


def test_buckets_come_in_order_and_what_is_not_known_is_left_out(redis_client: redis.Redis) -> None:
    process = Process()
    process.seconds.observe(0.5)
    process.errors.labels("bad").inc(2)
    process.registry.flush(redis_client)
    redis_client.hset(keys.FIGURES, '["of_another_release_total", {}]', 7)
    families = {family.name: family for family in Process().registry.totals(redis_client)}
    assert families.keys() == {"errors", "seconds"}
    assert [s.labels.get("le") for s in families["seconds"].samples[:3]] == ["1.0", "10.0", "+Inf"]
    assert [(s.name, s.value) for s in families["errors"].samples] == [("errors_total", 2)]


def test_a_job_that_has_not_failed_yet_is_told_with_its_0(redis_client: redis.Redis) -> None:
    """Or Prometheus would see no increase when it fails for the first time."""
    from core.figures import REGISTRY

    program = Celery("jobs", task_cls="tasks.base:LoggedTask")

    def work() -> None:
        pass

    program.task(work, name="test.copy")
    program.task(work, name="test.frames", send_events=False)
    program.finalize()
    REGISTRY.flush(redis_client)
    found = totals(REGISTRY, redis_client)
    assert found["camrec_job_seconds_count", "test.copy", "failed"] == 0
    assert ("camrec_job_seconds_count", "test.frames", "failed") not in found
    assert not [key for key in found if key[1:] and key[1].startswith("celery.")]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as process:
        yield process


def test_what_is_counted_while_redis_is_away_is_added_once_it_is_back(own_redis: RedisProcess) -> None:
    process = Process()
    with own_redis.client() as client:
        process.errors.labels("bad").inc(2)
        process.registry.flush(client)
        own_redis.kill()
        process.errors.labels("bad").inc(3)
        for _ in range(2):
            with pytest.raises(redis.RedisError):
                process.registry.flush(client)
        own_redis.start()  # without what was in it: for Prometheus a counter that begins anew
        process.registry.flush(client)
        process.registry.flush(client)
        assert totals(process.registry, client)["errors_total", "bad"] == 3
