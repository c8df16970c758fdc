"""What a camera's thread hands its frames and its motion to."""

from __future__ import annotations

from typing import Protocol

from core.types import FrameRef, Picture


class FrameWriter(Protocol):
    """The part of the frame store that cameras need."""

    def write(self, camera_id: int, pixels: Picture, captured_at: float) -> FrameRef:
        """Make this the camera's newest frame.

        Raises:
            UnavailableError: there is no room, or no store.
        """


class FrameSink(Protocol):
    """Where sampled frames go. Nothing here may block."""

    def offer(self, consumer: str, ref: FrameRef, pixels: Picture) -> None:
        """This frame, already in the frame store, is one that the consumer asked for."""


class MotionSink(Protocol):
    """Hears what the motion gate sees. Nothing here may block."""

    def note(self, camera_id: int, at_s: float, *, moves: bool) -> None:
        """Somebody looked at that time, in seconds since the epoch, and something moved or did not."""
