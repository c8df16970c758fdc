"""Queue `falls`."""

from __future__ import annotations

from core.recognitions import RECOGNITIONS
from tasks import frames
from tasks.application import app

_FALLS = RECOGNITIONS["falls"]


@app.task(name=_FALLS.task, send_events=False)
def recognise_falls(camera_ids: list[int]) -> None:
    """Find the persons on the newest frame of each camera."""
    frames.recognise(_FALLS.kind, camera_ids)
