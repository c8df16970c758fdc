"""The words of the design as plain types. Boxes are pixels of the frame, times are seconds since the epoch (UTC)."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.embedding import Embedding

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) uint8, BGR."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the frame."""

Keypoint = tuple[float, float, float]
"""x, y in pixels of the frame, and how surely it is seen, 0 to 1."""

EVENT_NAMESPACE = uuid.UUID("6f0f6a52-5d2b-5b0e-9a9c-0c3d7a1e4b77")
"""Root of every derived event id; never changes, or redelivered messages would make new events."""


@dataclass(frozen=True, slots=True)
class FrameRef:
    """One decoded, sampled picture. Its pixels stay in the frame store."""

    camera_id: int
    seq: int
    """Grows with every frame of a camera, across restarts of capture; close to microseconds since the epoch."""
    captured_at: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame with its pixels, as a reader of the frame store gets it."""

    ref: FrameRef
    pixels: Picture
    jpeg: bytes | None = None
    """The JPEG from which the pixels were decoded, where they crossed hosts as one."""


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """A frame as JPEG, for those who only show it."""

    ref: FrameRef
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures of one camera in order of time, all of one size, for recognitions that look at motion."""

    pictures: tuple[Picture, ...]
    interval_s: float
    """Mean seconds from one picture to the next."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing that a model saw on one frame, best first in every list."""

    label: str
    score: float
    box: Box
    text: str | None = None
    corners: tuple[tuple[float, float], ...] | None = None
    """Four corner points (top left, top right, bottom right, bottom left), where a model gives them."""
    embedding: Embedding | None = None
    """What it looks like, where a model gives that."""
    keypoints: tuple[Keypoint, ...] | None = None
    """Points of a body, in the order of the model (for persons: COCO's 17), where a model gives them."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for a message or an answer; numbers rounded to what they are good for."""
        plain: dict[str, Any] = {
            "label": self.label,
            "score": round(float(self.score), 4),
            "box": [round(float(v), 1) for v in self.box],
        }
        if self.text is not None:
            plain["text"] = self.text
        if self.corners is not None:
            plain["corners"] = [[round(float(x), 1), round(float(y), 1)] for x, y in self.corners]
        if self.embedding is not None:
            plain["embedding"] = self.embedding.as_json()
        if self.keypoints is not None:
            plain["keypoints"] = [
                [round(float(x), 1), round(float(y), 1), round(float(s), 2)] for x, y, s in self.keypoints
            ]
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Detection:
        """The inverse of `as_json`."""
        corners, embedding, keypoints = (plain.get(name) for name in ("corners", "embedding", "keypoints"))
        x1, y1, x2, y2 = plain["box"]
        return cls(
            label=plain["label"],
            score=plain["score"],
            box=(x1, y1, x2, y2),
            text=plain.get("text"),
            corners=None if corners is None else tuple((x, y) for x, y in corners),
            embedding=None if embedding is None else Embedding.from_json(embedding),
            keypoints=None if keypoints is None else tuple((x, y, score) for x, y, score in keypoints),
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """All detections of one recognition on one frame."""

    frame: FrameRef
    recognition: str
    detections: tuple[Detection, ...] = ()
    model: str = ""
    """Name of the models that saw it, for the event's record."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for a Celery message."""
        return {
            "frame": asdict(self.frame),
            "recognition": self.recognition,
            "detections": [d.as_json() for d in self.detections],
            "model": self.model,
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Observation:
        """The inverse of `as_json`."""
        return cls(
            frame=FrameRef(**plain["frame"]),
            recognition=plain["recognition"],
            detections=tuple(Detection.from_json(d) for d in plain["detections"]),
            model=plain["model"],
        )


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of a camera's picture to which recognitions are limited, or which they leave out."""

    name: str
    kind: Literal["include", "exclude"]
    points: tuple[tuple[float, float], ...]
    """Corners (x, y) of a polygon as shares of the picture's width and height, 0 to 1; checked by `events.geometry`."""
    recognitions: tuple[str, ...] = ()
    """Kinds of recognition that it is for; empty: all."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a person wants to know. Written again, under the same id, while it goes on."""

    id: str
    camera_id: int
    recognition: str
    kind: str
    started_at: float
    ended_at: float | None
    """None while it goes on."""
    score: float
    best: FrameRef
    """The frame that shows it best, from which its snapshot is made."""
    box: Box | None = None
    text: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


def event_id(camera_id: int, kind: str, track_id: str) -> str:
    """The id of the event that this track means: the same for every delivery of the same observations."""
    return str(uuid.uuid5(EVENT_NAMESPACE, f"{camera_id}/{kind}/{track_id}"))
