"""The clip of an event, made when it is asked for first unless it was made before."""

from __future__ import annotations

from dataclasses import replace

from flask import Response, jsonify

from app.api.auth.gate import current_user
from app.api.clips.limit import refuse_too_many
from app.api.clips.schemas import ClipSchema
from app.api.errors import ApiError
from app.api.files import MP4, send_media
from app.api.services import Services
from core.recognitions import MAKE_CLIP_TASK
from core.types import Event
from storage.clips.store import UNFINISHED, Clip
from storage.events import StoredEvent
from storage.media import MANIFEST_SUFFIX

RETRY_AFTER_S = 2

TRY_AGAIN_S = 60.0
"""A clip that could not be made is tried again when it is asked for so much later."""


def event_clip(services: Services, stored: StoredEvent, variant: str) -> Response:
    """The file, or 202 while it is made.

    Raises:
        ApiError: 404, nothing was recorded or the clip cannot be made; 429, too many are being drawn on.
    """
    wanted = services.event_clips.wanted(stored.event, variant)
    clip = services.clips.get(wanted.id)
    if clip is not None:
        if _shows(clip, wanted, stored) and (made := _made(services, clip)) is not None:
            return made
        if clip.state in UNFINISHED:
            return _being_made(clip)
        if clip.state == "failed" and services.clock.now() < clip.changed_at + TRY_AGAIN_S:
            raise _no_clip(clip.error or "")
    if not services.event_clips.is_recorded(wanted, services.clock.now()):
        return _being_made(wanted)
    if not services.event_clips.has_recording(wanted):
        if clip is not None and (made := _made(services, clip)) is not None:
            return made  # better than nothing
        raise _no_clip("Nothing was recorded then.")
    if variant != "copy":
        user = current_user().name
        refuse_too_many(services, variant, user)
        wanted = replace(wanted, created_by=user)
    asked = services.clips.ask(wanted)
    services.jobs.wake(MAKE_CLIP_TASK, asked.id)
    return _being_made(asked)


def event_clip_manifest(services: Services, event: Event, variant: str) -> Response:
    """The manifest of a clip that is made.

    Raises:
        ApiError: 404, it is not.
    """
    clip = services.clips.get(services.event_clips.wanted(event, variant).id)
    if clip is None or clip.state != "done" or clip.path is None:
        raise _no_clip("It is not made yet.")
    path = services.media.fetch(clip.path + MANIFEST_SUFFIX, clip.node)
    return send_media(path, "application/json", _no_clip("Its file is gone."), path.name)


def _made(services: Services, clip: Clip) -> Response | None:
    """Its file; None where it is not done, or its file is gone."""
    if clip.state != "done" or clip.path is None:
        return None
    path = services.media.fetch(clip.path, clip.node)
    return send_media(path, MP4, _no_clip("Its file is gone.")) if path.is_file() else None


def _shows(clip: Clip, wanted: Clip, stored: StoredEvent) -> bool:
    """Whether a clip, made while the event went on perhaps, shows it to its end. Where the camera's pre- and post-roll
    are others by now, one of the event as it is stays: recordings may be gone since.
    """
    is_of_its_end = clip.to_s >= wanted.to_s or clip.created_at >= stored.changed_at
    return stored.event.ended_at is None or is_of_its_end


def _being_made(clip: Clip) -> Response:
    response = jsonify(ClipSchema().dump(clip))
    response.status_code = 202
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _no_clip(why: str) -> ApiError:
    return ApiError(404, "no_clip", f"There is no clip of this event. {why}".strip())
