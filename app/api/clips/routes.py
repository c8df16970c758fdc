"""Clips."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from app.api.auth.gate import current_user
from app.api.blueprint import BINARY, Blueprint
from app.api.clips.limit import refuse_too_many
from app.api.clips.schemas import ClipPageSchema, ClipQuerySchema, ClipSchema, NewClipSchema
from app.api.errors import ApiError
from app.api.files import MP4, send_media
from app.api.pages import page
from app.api.services import services
from core.clock import iso_utc
from core.recognitions import MAKE_CLIP_TASK
from storage.clips.store import Clip, files_of, new_clip_id
from storage.media import MANIFEST_SUFFIX
from storage.media_removals import remove_files
from storage.retention.locks import LockedError

blp = Blueprint("clips", __name__, "/api/v1/clips", "Clips, cut from recordings without re-encoding")


@blp.route("")
class Clips(MethodView):
    """The list of clips."""

    @blp.role("viewer")
    @blp.arguments(ClipQuerySchema, location="query")
    @blp.response(200, ClipPageSchema)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """List clips, those asked for last first."""
        found = services().clips.page(
            query.get("cursor"),
            query["limit"] + 1,
            camera_id=query.get("camera_id"),
            state=query.get("state"),
            event_clips=query["of_events"],
        )
        return page(found, query["limit"], lambda clip: (clip.created_at, clip.id))

    @blp.role("operator")
    @blp.arguments(NewClipSchema)
    @blp.response(202, ClipSchema)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(429, "TOO_MANY_REQUESTS")
    def post(self, fields: dict[str, Any]) -> tuple[Clip, dict[str, str]]:
        """Ask for a clip.

        It is made in the background: `/clips/{id}` says how far it is.
        """
        camera_id, from_s, to_s = fields["camera_id"], fields["from_s"], fields["to_s"]
        if not services().segments.spans(camera_id, from_s, to_s):
            services().cameras.get(camera_id)
            raise ApiError(404, "no_recording", f"Nothing was recorded between {iso_utc(from_s)} and {iso_utc(to_s)}.")
        variant, user = fields["variant"], current_user().name
        refuse_too_many(services(), variant, user)
        clip = services().clips.ask(Clip(new_clip_id(), camera_id, from_s, to_s, variant=variant, created_by=user))
        services().jobs.wake(MAKE_CLIP_TASK, clip.id)
        return clip, {"Location": f"/api/v1/clips/{clip.id}"}


@blp.route("/<uuid:clip_id>")
class OneClip(MethodView):
    """One clip."""

    @blp.role("viewer")
    @blp.response(200, ClipSchema)
    @blp.alt_response(404, "NOT_FOUND")
    def get(self, clip_id: UUID) -> Clip:
        """Show a clip, or how far it is."""
        return _clip(clip_id)

    @blp.role("operator")
    @blp.response(204)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(409, "CONFLICT")
    def delete(self, clip_id: UUID) -> None:
        """Cancel a clip that is being made, or remove one that is not."""
        clip = _clip(clip_id)
        if not services().clips.cancel(clip.id):
            if services().keep_locks.page(None, 1, camera_id=clip.camera_id, from_s=clip.from_s, to_s=clip.to_s):
                raise LockedError(f"Clip {clip.id} is locked: remove the lock first (/api/v1/keep-locks).")
            services().clips.remove(clip.id)
            made = services()
            remove_files(made.database, made.media, made.settings.node, files_of(clip))


@blp.route("/<uuid:clip_id>/download")
@blp.role("viewer", url_token=True)
@blp.response(200, BINARY, content_type=MP4, description="the file, or the ranges of it that are asked for")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
def download(clip_id: UUID) -> Response:
    """Download a clip."""
    clip = _clip(clip_id)
    name = f"camera-{clip.camera_id}-{_in_a_file_name(clip.from_s)}.mp4"
    return send_media(services().media.fetch(_file_of(clip), clip.node), MP4, _gone(clip), name)


@blp.route("/<uuid:clip_id>/manifest")
@blp.role("viewer", url_token=True)
@blp.response(200, {"type": "object"}, description="hashes, and the signature of this installation")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
def manifest(clip_id: UUID) -> Response:
    """Download the signed manifest of a clip."""
    clip = _clip(clip_id)
    name = f"camera-{clip.camera_id}-{_in_a_file_name(clip.from_s)}.mp4{MANIFEST_SUFFIX}"
    path = services().media.fetch(_file_of(clip) + MANIFEST_SUFFIX, clip.node)
    return send_media(path, "application/json", _gone(clip), name)


def _clip(clip_id: UUID) -> Clip:
    clip = services().clips.get(str(clip_id))
    if clip is None:
        raise ApiError(404, "clip_not_found", f"There is no clip {clip_id}.")
    return clip


def _file_of(clip: Clip) -> str:
    if clip.state != "done" or clip.path is None:
        raise ApiError(409, "clip_not_done", f"This clip is {clip.state}; {clip.error or 'ask again later.'}")
    return clip.path


def _gone(clip: Clip) -> ApiError:
    return ApiError(404, "clip_not_found", f"The file of clip {clip.id} is gone.")


def _in_a_file_name(at_s: float) -> str:
    return iso_utc(at_s)[:19].replace(":", "").replace("-", "")
