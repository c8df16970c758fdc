"""Runs of models are told to who runs them, and to nobody else."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from inference.model_runs import ModelRun, noted_runs
from inference.session import ModelError, ModelSession, open_session
from tests.support.tiny_onnx import write_identity


@pytest.fixture
def session(tmp_path: Path) -> ModelSession:
    return open_session(write_identity(tmp_path / "tiny.onnx", [2, 3]), gpu=None, threads=1)


def run(session: ModelSession, items: int) -> None:
    session.run(np.zeros((items, 3), np.float32))


def test_each_run_of_a_session_is_noted(session: ModelSession) -> None:
    with noted_runs() as runs:
        run(session, 2)
        run(session, 3)
        with pytest.raises(ModelError):
            session.run(np.zeros((2, 4), np.float32))
    run(session, 2)
    assert [(r.model, r.items) for r in runs] == [("tiny", 2), ("tiny", 2), ("tiny", 1)], "a batch of 3 is two runs"
    assert all(r.started_s <= r.ended_s for r in runs)


def test_threads_hear_of_their_own_runs_only(session: ModelSession) -> None:
    heard: dict[int, list[ModelRun]] = {}
    both = threading.Barrier(2)

    def work(items: int) -> None:
        with noted_runs() as runs:
            both.wait(5)
            run(session, items)
            both.wait(5)
        heard[items] = runs

    threads = [threading.Thread(target=work, args=(items,)) for items in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert {items: [r.items for r in runs] for items, runs in heard.items()} == {1: [1], 2: [2]}
