"""Queue `plates`."""

from __future__ import annotations

from core.recognitions import RECOGNITIONS
from tasks import frames
from tasks.application import app

_PLATES = RECOGNITIONS["plates"]


@app.task(name=_PLATES.task, send_events=False)
def recognise_plates(camera_ids: list[int]) -> None:
    """Read the plates on the newest frame of each camera."""
    frames.recognise(_PLATES.kind, camera_ids)
