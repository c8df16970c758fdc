"""Queue `violence`."""

from __future__ import annotations

from core.recognitions import RECOGNITIONS
from tasks import frames
from tasks.application import app

_VIOLENCE = RECOGNITIONS["violence"]


@app.task(name=_VIOLENCE.task, send_events=False)
def recognise_violence(camera_ids: list[int]) -> None:
    """Score the newest clip of each camera."""
    frames.recognise(_VIOLENCE.kind, camera_ids)
