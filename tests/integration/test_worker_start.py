"""A worker that cannot start ends: Celery's signals would let it consume with nothing that recognises."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
from celery.signals import worker_init
from click.testing import CliRunner

from app.cli.worker import worker
from core.errors import CamrecError
from core.settings import Settings, get_settings
from tasks import app, frames


class Worker:
    """What Celery's signal names as its sender, as far as it is looked at."""

    hostname = "w@h"
    app = SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from={"plates": None})))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(CamrecError("no GPU, way out"), "no GPU, way out", id="told"),
        pytest.param(OSError("disk full"), "1", id="not foreseen"),
    ],
)
def test_whatever_fails_at_the_start_ends_the_worker(
    fault: Exception, said: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def start(*_: object) -> None:
        raise fault

    importlib.import_module("tasks.worker_class")  # needs the settings
    monkeypatch.setattr(frames, "start", start)
    with pytest.raises(SystemExit) as ended:
        worker_init.send(sender=Worker())
    assert str(ended.value) == said
    assert ("disk full" in caplog.text) is isinstance(fault, OSError)


@pytest.mark.parametrize(
    ("queue", "name"),
    [pytest.param("plates", "frames-gpu3-", id="frames"), pytest.param("jobs", "jobs-", id="needs no GPU")],
)
def test_the_name_of_a_worker_says_which_gpu_it_has(
    queue: str, name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(app, "worker_main", started.extend)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("CAMREC_GPU", "3")
    get_settings.cache_clear()
    result = CliRunner().invoke(worker, ["-Q", queue], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert started[started.index("-n") + 1].startswith(name)
