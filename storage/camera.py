"""A camera as it is configured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from core.redact import redact
from core.types import Zone


@dataclass(frozen=True, slots=True)
class CameraRecognition:
    """A recognition that a camera has."""

    kind: str
    fps: float
    settings: dict[str, Any] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    """Role → model, where they differ from the installation's."""


RecordingMode = Literal["off", "events", "continuous"]
RECORDING_MODES: tuple[RecordingMode, ...] = get_args(RecordingMode)


@dataclass(frozen=True, slots=True)
class Recording:
    """How a camera is recorded."""

    mode: RecordingMode = "events"
    pre_s: float = 5.0
    """Seconds before an event that are recorded with it."""
    post_s: float = 5.0
    """Seconds after it."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A configured source, its URLs in the clear: never put it into a message, a log or an answer whole."""

    id: int
    """0 for a camera not stored yet that takes the next free id."""
    name: str
    """Empty for a camera not stored yet that is to be called ``camera-<id>``."""
    url: str = field(repr=False)
    detect_url: str | None = field(default=None, repr=False)
    enabled: bool = True
    tls_verify: bool = True
    motion_gate: bool = True
    """Whether recognitions get fewer frames while nothing moves."""
    keep_fps: float | None = None
    """Frames a second kept on disk; None: the installation's setting."""
    recognitions: tuple[CameraRecognition, ...] = ()
    zones: tuple[Zone, ...] = ()
    recording: Recording = Recording()
    version: int = 0
    created_at: float = 0.0
    fault: str | None = None
    """Why it cannot be watched: its URLs were encrypted with another key, so they stand here as they may be shown."""

    @property
    def url_shown(self) -> str:
        """The URL as it may be shown."""
        return redact(self.url)

    @property
    def detect_url_shown(self) -> str | None:
        """The sub-stream's URL as it may be shown."""
        return None if self.detect_url is None else redact(self.detect_url)

    @property
    def analysed_url(self) -> str:
        """The stream whose frames are recognised."""
        return self.detect_url or self.url
