"""Queue `plates`: frames to readings, readings to events."""

from __future__ import annotations

from typing import Any

from core.recognitions import RECOGNITIONS
from tasks import frames, shards
from tasks.app import app

_PLATES = RECOGNITIONS["plates"]


@app.task(name=_PLATES.task, send_events=False)
def recognise_plates(camera_ids: list[int]) -> None:
    """Read the plates on the newest frame of each camera."""
    frames.recognise(_PLATES.kind, camera_ids)


@app.task(name=_PLATES.judge_task, send_events=False, acks_late=True)
def judge_plates(observation: dict[str, Any]) -> None:
    """Turn readings into events."""
    shards.judge(observation)
