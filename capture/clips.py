"""Keeps the newest small pictures of cameras for recognitions that look at clips, and tells when a clip is due."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from core.recognitions import ClipShape
from core.types import FrameRef, Picture


def scaled(picture: Picture, width: int) -> Picture:
    """No wider than that, in pixels; a picture that is not is handed back as it is."""
    if picture.shape[1] <= width:
        return picture
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


class ClipWriter(Protocol):
    """The part of the frame store that clips need."""

    def write_clip_picture(self, camera_id: int, pixels: Picture, captured_at: float) -> None:
        """Add the newest picture of a camera's clip.

        Raises:
            UnavailableError: there is no room, or no store.
        """


class ClipFeeder:
    """For all cameras of a process; each camera's frames come from one thread."""

    def __init__(self, store: ClipWriter) -> None:
        self._store = store
        self._told_at: dict[tuple[int, str], float] = {}

    def offer(self, kind: str, shape: ClipShape, ref: FrameRef, pixels: Picture) -> bool:
        """Add a sampled frame; returns whether the recognition should look at the clip that it completes.

        Raises:
            UnavailableError: there is no room, or no store.
        """
        self._store.write_clip_picture(ref.camera_id, scaled(pixels, shape.width), ref.captured_at)
        key = (ref.camera_id, kind)
        told_at = self._told_at.get(key)
        # A stream's clock may be set back: never wait for it to catch up.
        if told_at is not None and 0 <= ref.captured_at - told_at < shape.stride_s - 1e-3:
            return False
        self._told_at[key] = ref.captured_at
        return True

    def forget(self, camera_id: int) -> None:
        """The camera is no longer watched here."""
        for key in [key for key in self._told_at if key[0] == camera_id]:
            del self._told_at[key]
