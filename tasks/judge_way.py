"""Times observations on their way through the judgement of a shard, for the metrics and for traces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.figures import EVENT_LATENCY_SECONDS, JUDGED_LATENCY_SECONDS
from core.tracing import Step, Tracing
from core.types import Observation
from tasks.observations import Waiting


class JudgeWay:
    """For one thread at a time."""

    def __init__(self, tracing: Tracing) -> None:
        """No observation is judged now."""
        self._tracing = tracing
        self._judged: Observation | None = None

    @contextmanager
    def judging(self, waiting: Waiting) -> Iterator[None]:
        """The block judges this observation."""
        observation = self._judged = waiting.observation
        started_at = time.time()
        try:
            yield
        finally:
            self._judged = None
        now, frame, recognition = time.time(), observation.frame, observation.recognition
        JUDGED_LATENCY_SECONDS.labels(recognition).observe(now - frame.captured_at)
        self._tracing.step(Step.OBSERVATION_WAIT, frame, waiting.since_s, started_at, recognition)
        self._tracing.step(Step.JUDGE, frame, started_at, now, recognition)

    @contextmanager
    def writing(self, events: int) -> Iterator[None]:
        """The block writes so many events: those of the observation that is judged, or, if none is, of time alone."""
        started_at = time.time()
        yield
        if self._judged is not None:
            now, frame, recognition = time.time(), self._judged.frame, self._judged.recognition
            EVENT_LATENCY_SECONDS.labels(recognition).observe(now - frame.captured_at)
            self._tracing.step(Step.WRITE_EVENTS, frame, started_at, now, recognition, events=events)
