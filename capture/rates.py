"""What a camera asks of capture."""

from __future__ import annotations

from core.recognitions import RECOGNITIONS
from core.settings import Settings
from storage.camera import Camera

KEEP = "keep"
"""The consumer that is the frame archive; the others are kinds of recognition."""


def recognition_rates(camera: Camera) -> dict[str, float]:
    """Kind → frames per second, of the recognitions that this release knows."""
    return {r.kind: min(r.fps, RECOGNITIONS[r.kind].max_fps) for r in camera.recognitions if r.kind in RECOGNITIONS}


def consumer_rates(camera: Camera, settings: Settings) -> dict[str, float]:
    """Consumer → frames per second."""
    keep_fps = settings.keep_fps if camera.keep_fps is None else camera.keep_fps
    return {**recognition_rates(camera), KEEP: keep_fps}
