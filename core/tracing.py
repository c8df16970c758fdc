"""A frame's way through the processes as one OpenTelemetry trace, of a share of the frames.

Nothing travels with a frame for it: trace and span ids are hashes of the camera, the frame's seq and the span's name,
so every process on the way finds the same ids, and the same answer to whether this frame is traced, by itself.
Sampling is OpenTelemetry's own ("TraceIdRatioBased"): the lower 64 bits of the trace id against the share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from core.settings import Settings
from core.types import FrameRef

_HALF_ID = 2**64


class Step(StrEnum):
    """A span's name."""

    SAMPLE = "capture.sample"
    """From capture to the frame store."""
    RECOGNISE = "worker.recognise"
    """From the offer of the token to the published observation; those that follow are parts of it."""
    TOKEN_WAIT = "worker.token_wait"  # noqa: S105
    TAKE = "worker.take"
    BATCH_WAIT = "worker.batch_wait"
    RUN = "worker.run"
    """Preprocessing, models and decoding of the batch."""
    MODEL = "worker.model"
    """One run of one model, without what is before and after it."""
    PUBLISH = "worker.publish"
    OBSERVATION_WAIT = "judge.wait"
    JUDGE = "judge.observe"
    WRITE_EVENTS = "judge.write_events"


_PARENTS = {
    Step.RECOGNISE: Step.SAMPLE,
    Step.TOKEN_WAIT: Step.RECOGNISE,
    Step.TAKE: Step.RECOGNISE,
    Step.BATCH_WAIT: Step.RECOGNISE,
    Step.RUN: Step.RECOGNISE,
    Step.MODEL: Step.RUN,
    Step.PUBLISH: Step.RECOGNISE,
    Step.OBSERVATION_WAIT: Step.RECOGNISE,
    Step.JUDGE: Step.RECOGNISE,
    Step.WRITE_EVENTS: Step.JUDGE,
}


@dataclass(frozen=True, slots=True)
class Span:
    """A step of a frame's way."""

    name: str
    trace_id: int
    """128 bits."""
    span_id: int
    """64 bits."""
    parent_id: int | None
    start_s: float
    """Seconds since the epoch."""
    end_s: float
    attributes: dict[str, str | int]


class Tracing:
    """Exports the spans of this process, where the settings say so. What is not traced costs a hash a span."""

    def __init__(self, settings: Settings, service: str) -> None:
        """Service: name of this part of the system."""
        self._bound = 0
        self._export: Callable[[Span], None] | None = None
        self.close: Callable[[], None] = _nothing
        if settings.otlp_endpoint is not None:
            from core.otlp import SpanExport  # its packages are optional, see `Settings`

            export = SpanExport(settings.otlp_endpoint, service, settings.node)
            self._bound, self._export, self.close = round(settings.trace_share * _HALF_ID), export.add, export.close

    def step(
        self,
        step: Step,
        frame: FrameRef,
        start_s: float,
        end_s: float,
        recognition: str = "",
        number: int = 0,
        **attributes: str | int,
    ) -> None:
        """A frame has made a step, if it is one that is traced. Never blocks.

        Args:
            step: which.
            frame: the frame.
            start_s: seconds since the epoch.
            end_s: seconds since the epoch.
            recognition: all steps but `Step.SAMPLE` are of one.
            number: of the step, where a frame makes it several times.
            attributes: what else is to be known.
        """
        if self._export is None or (trace := trace_id(frame)) % _HALF_ID >= self._bound:
            return
        parent = _PARENTS.get(step)
        named: dict[str, str | int] = {"camrec.camera_id": frame.camera_id, "camrec.seq": frame.seq}
        if recognition:
            named["camrec.recognition"] = recognition
        named |= {f"camrec.{name}": value for name, value in attributes.items()}
        self._export(
            Span(
                name=step,
                trace_id=trace,
                span_id=_span_id(step, frame, recognition, number),
                parent_id=None if parent is None else _span_id(parent, frame, recognition),
                start_s=start_s,
                end_s=end_s,
                attributes=named,
            )
        )


def trace_id(frame: FrameRef) -> int:
    """128 bits that every process finds for this frame."""
    return _hash(f"{frame.camera_id}/{frame.seq}", 16)


def _span_id(step: Step, frame: FrameRef, recognition: str, number: int = 0) -> int:
    of = "" if step is Step.SAMPLE else recognition  # the one root of all recognitions
    return _hash(f"{frame.camera_id}/{frame.seq}/{of}/{step}/{number}", 8)


def _hash(text: str, size_bytes: int) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=size_bytes).digest())


def _nothing() -> None:
    pass
