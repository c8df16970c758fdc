"""Which models a recogniser ran, and for how long: told to whoever calls it, in its own thread."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One call of a model's session."""

    model: str
    """Name of its file, without the ending."""
    items: int
    """In the batch that it was given."""
    started_s: float
    """On the monotonic clock."""
    ended_s: float


_runs: ContextVar[list[ModelRun] | None] = ContextVar("model_runs", default=None)


@contextmanager
def noted_runs() -> Iterator[list[ModelRun]]:
    """A list that grows by each run of a model in this thread, within the block."""
    runs: list[ModelRun] = []
    token = _runs.set(runs)
    try:
        yield runs
    finally:
        _runs.reset(token)


@contextmanager
def noted_run(model: str, items: int) -> Iterator[None]:
    """The block is a run of that model. One that fails is not noted."""
    runs = _runs.get()
    started_s = time.monotonic()
    yield
    if runs is not None:
        runs.append(ModelRun(model, items, started_s, time.monotonic()))
