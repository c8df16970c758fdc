"""What a batch is made of: the newest frame of a camera, or the clip that ends with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.types import Clip, Detection, Frame, Picture
from inference.recognisers import Recogniser


@dataclass(frozen=True, slots=True)
class Sample:
    """What is recognised of a camera."""

    frame: Frame
    """Its newest."""
    content: Picture | Clip
    """The frame's pixels, or the clip that ends with it."""
    recogniser: Recogniser
    """That of its camera when it was taken: an exchange meanwhile costs no frame."""
    offered_at: float
    """When its token was granted, as far as is known."""
    taken_at: float


Seen = tuple[Sample, tuple[Detection, ...], str]
"""A sample, what was seen on it, and the names of the models that saw it."""


def in_frame(detections: tuple[Detection, ...], frame: Frame, sample: Picture | Clip) -> tuple[Detection, ...]:
    """Boxes in pixels of the frame: the pictures of a clip are smaller."""
    if not isinstance(sample, Clip):
        return detections
    factor = frame.ref.width / sample.pictures[0].shape[1]
    return tuple(
        replace(d, box=(d.box[0] * factor, d.box[1] * factor, d.box[2] * factor, d.box[3] * factor)) for d in detections
    )
