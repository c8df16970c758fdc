"""How a camera's stream is, and what was counted of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from capture.reasons import Reason


class State(StrEnum):
    """Of a camera's stream."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    RETRYING = "retrying"
    """It broke or never came up; `Condition.reason` says why."""
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a camera is."""

    state: State
    since: float
    """Seconds since the epoch."""
    reason: Reason | None = None
    message: str | None = None
    """For people; redacted."""


@dataclass(slots=True)
class Figures:
    """What a camera's thread has counted and seen."""

    received: int = 0
    """Packets of video: one for each frame."""
    decoded: int = 0
    sampled: int = 0
    """Frames that went to the frame store."""
    moving: bool = False
    """Whether something moves, or moved a moment ago."""
    motion_at: float | None = None
    """When something moved last."""
    reconnects: int = 0
    """Times that a running stream was lost."""
    last_frame_at: float | None = None
    """When the newest sampled frame was taken."""
    width: int | None = None
    height: int | None = None
    codec: str | None = None
