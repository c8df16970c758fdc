"""Which of a camera's newest pictures make a clip."""

from __future__ import annotations

from collections.abc import Sequence

from core.recognitions import ClipShape
from core.types import Clip, Frame, FrameRef

CLIP_PICTURES = 24
"""Kept of a camera: a clip of 16, and a second of more at 8 frames/s, so that a reader is not overtaken."""


def in_window(ref: FrameRef, newest: FrameRef, shape: ClipShape) -> bool:
    """Whether a picture may be in the clip that ends with ``newest``: of its size, and not too old."""
    same_size = (ref.width, ref.height) == (newest.width, newest.height)
    return same_size and newest.captured_at - ref.captured_at <= shape.span_s


def clip_of(frames: Sequence[Frame], shape: ClipShape) -> Clip | None:
    """The clip of these pictures, oldest first; None where they are too few, or no time passes."""
    if len(frames) < shape.least_frames:
        return None
    span_s = frames[-1].ref.captured_at - frames[0].ref.captured_at
    return Clip(tuple(f.pixels for f in frames), span_s / (len(frames) - 1)) if span_s > 0 else None
