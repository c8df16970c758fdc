"""What cameras do now, as capture says it in Redis."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app.api.services import Services
from app.api.signs_of_life import alive, missing_models, models_missing_for_cameras
from core import keys
from storage.camera import Camera

Status = dict[str, Any]

NOTHING_KNOWN: Status = {
    "node": None,
    "state": "connecting",
    "reason": None,
    "message": None,
    "since": None,
    "last_frame_at": None,
    "frame_age_s": None,
    "asked_fps": {},
    "reached_fps": {},
    "received_fps": 0.0,
    "decoded_fps": 0.0,
    "sampled_fps": 0.0,
    "moving": False,
    "motion_at": None,
    "drops": {},
    "offered": {},
    "reconnects": 0,
    "recording": None,
}
"""The fields of a status before capture says anything."""


def camera_status(services: Services, camera_id: int) -> Status:
    """The status of one camera.

    Raises:
        CameraNotFoundError: there is none.
        redis.RedisError, RedisUnavailableError: Redis cannot be asked.
    """
    return statuses(services, [services.cameras.get(camera_id)])[0]


def statuses(services: Services, cameras: Sequence[Camera]) -> list[Status]:
    """The status of each of these cameras.

    Raises:
        redis.RedisError, RedisUnavailableError: Redis cannot be asked.
    """
    if not cameras:
        return []
    client = services.redis
    found = client.mget([keys.camera_status(camera.id) for camera in cameras])
    now = services.clock.now()
    missing, own_missing = missing_models(client), models_missing_for_cameras(client)
    is_watched = all(found) or bool(alive(client, keys.CAPTURE_NODES))
    return [
        {
            "camera_id": camera.id,
            "model_missing": {
                r.kind: text
                for r in camera.recognitions
                if (text := own_missing.get(camera.id, {}).get(r.kind) if r.models else missing.get(r.kind))
            },
            **(_silent(camera, is_watched) if said is None or not camera.enabled else _said(said, now)),
        }
        for camera, said in zip(cameras, found, strict=True)
    ]


def _said(raw: bytes | str, now: float) -> Status:
    # A capture of another release may not know all fields.
    status: Status = {**NOTHING_KNOWN, **json.loads(raw)}
    last_frame_at = status["last_frame_at"]
    status["frame_age_s"] = None if last_frame_at is None else round(max(0.0, now - last_frame_at), 3)
    return status


def _silent(camera: Camera, is_watched: bool) -> Status:
    """What is known of a camera of which capture says nothing."""
    if not camera.enabled:
        return {**NOTHING_KNOWN, "state": "disabled", "message": "The camera is disabled."}
    asked_fps = {r.kind: r.fps for r in camera.recognitions}
    return {
        **NOTHING_KNOWN,
        "message": camera.fault or _why(is_watched),
        "asked_fps": asked_fps,
        "reached_fps": dict.fromkeys(asked_fps, 0.0),
    }


def _why(is_watched: bool) -> str:
    if is_watched:
        return "Capture has not taken up the camera yet."
    return "No capture process gives a sign of life: start `camrec capture`, or see /api/v1/health."
