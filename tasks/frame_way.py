"""Times the frames of one recognition on their way through a worker, for the metrics and for traces."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from core import figures
from core.tracing import Step, Tracing
from core.types import Frame
from inference.model_runs import ModelRun


class OnItsWay(Protocol):
    """A frame that a worker has taken. All times are seconds since the epoch."""

    @property
    def frame(self) -> Frame:
        """It."""

    @property
    def offered_at(self) -> float:
        """When its token was granted, as far as is known."""

    @property
    def taken_at(self) -> float:
        """When its pixels were read."""


class FrameWay:
    """Safe for threads."""

    def __init__(self, kind: str, tracing: Tracing) -> None:
        """Kind: of the recognition."""
        self._kind, self._tracing = kind, tracing
        self._token_wait_s = figures.TOKEN_WAIT_SECONDS.labels(kind)
        self._age_s = figures.FRAME_AGE_SECONDS.labels(kind)
        self._batch_frames = figures.BATCH_FRAMES.labels(kind)
        self._batch_wait_s = figures.BATCH_WAIT_SECONDS.labels(kind)
        self._inference_s = figures.INFERENCE_SECONDS.labels(kind)
        self._latency_s = figures.OBSERVATION_LATENCY_SECONDS.labels(kind)

    def token_taken(self, waited_s: float | None) -> None:
        """A token was taken after that wait; None: not known."""
        if waited_s is not None:
            self._token_wait_s.observe(waited_s)

    def taken(self, sample: OnItsWay, started_at: float) -> None:
        """A frame was read, from ``started_at`` on."""
        self._age_s.observe(sample.taken_at - sample.frame.ref.captured_at)
        self._trace(Step.TOKEN_WAIT, sample, sample.offered_at, started_at)
        self._trace(Step.TAKE, sample, started_at, sample.taken_at)

    def ran(self, samples: Sequence[OnItsWay], started_at: float, model: str, runs: Sequence[ModelRun]) -> None:
        """A recogniser has run over these frames from ``started_at`` until now, and its models in ``runs``."""
        for run in runs:
            figures.MODEL_SECONDS.labels(run.model).observe(run.ended_s - run.started_s)
        ended_at, epoch_s = time.time(), time.time() - time.monotonic()
        for sample in samples:
            self._trace(Step.BATCH_WAIT, sample, sample.taken_at, started_at)
            self._trace(Step.RUN, sample, started_at, ended_at, batch=len(samples), models=model)
            for number, run in enumerate(runs):
                times = run.started_s + epoch_s, run.ended_s + epoch_s
                self._trace(Step.MODEL, sample, *times, number, model=run.model, items=run.items)

    def batch_ran(self, frames: int, waited_s: float, ran_s: float) -> None:
        """A batch of that many frames waited and ran so long."""
        self._batch_frames.observe(frames)
        self._batch_wait_s.observe(waited_s)
        self._inference_s.observe(ran_s)

    def published(self, sample: OnItsWay, started_at: float, detections: int) -> None:
        """The observation of a frame was published, from ``started_at`` until now."""
        now = time.time()
        self._latency_s.observe(now - sample.frame.ref.captured_at)
        self._trace(Step.PUBLISH, sample, started_at, now)
        self._trace(Step.RECOGNISE, sample, sample.offered_at, now, detections=detections)

    def _trace(
        self, step: Step, sample: OnItsWay, start_s: float, end_s: float, number: int = 0, **attributes: str | int
    ) -> None:
        self._tracing.step(step, sample.frame.ref, start_s, end_s, self._kind, number, **attributes)
