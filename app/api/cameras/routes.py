"""Cameras."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask.views import MethodView

from app.api.blueprint import Blueprint
from app.api.cameras import edit, live
from app.api.cameras.lists import camera_page, frame_page
from app.api.cameras.schemas import (
    CameraListSchema,
    CameraPatchSchema,
    CameraQuerySchema,
    CameraSchema,
    FramesQuerySchema,
    RemovalSchema,
    SlideshowQuerySchema,
    SnapshotQuerySchema,
    StreamQuerySchema,
    ZonesSchema,
)
from app.api.cameras.status import camera_status, statuses
from app.api.cameras.status_schemas import StatusListSchema, StatusSchema
from app.api.frames.schemas import FrameListSchema
from app.api.mjpeg import MIMETYPE
from app.api.services import services

MAX_LIST_BYTES = 10_000_000
"""PUT of the whole list; everything else is bounded by the application's MAX_CONTENT_LENGTH."""

blp = Blueprint("cameras", __name__, "/api/v1/cameras", "What is watched")

Answer = tuple[Any, dict[str, str]]


def _allow_long_lists() -> None:
    if request.method == "PUT" and request.endpoint == "cameras.Cameras":
        request.max_content_length = MAX_LIST_BYTES


blp.before_request(_allow_long_lists)


@blp.route("")
class Cameras(MethodView):
    """The list of cameras."""

    @blp.role("viewer")
    @blp.arguments(CameraQuerySchema, location="query")
    @blp.response(200, CameraListSchema)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """List cameras."""
        return camera_page(services(), **query)

    @blp.role("operator")
    @blp.arguments(CameraSchema)
    @blp.response(201, CameraSchema)
    @blp.alt_response(409, "CONFLICT")
    def post(self, fields: dict[str, Any]) -> Answer:
        """Add a camera.

        It is watched within a second or two; `/cameras/{id}/status` says how that goes.
        """
        camera = edit.add(services(), fields)
        return camera, {**edit.etag(camera), "Location": f"/api/v1/cameras/{camera.id}"}

    @blp.role("admin")
    @blp.arguments(CameraListSchema)
    @blp.response(200, CameraListSchema)
    @blp.alt_response(409, "CONFLICT")
    def put(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Replace the whole list.

        Cameras with a known id, or without id and with a known name, are changed; others are added; those that are not
        in the list are removed. All or nothing.
        """
        return {"items": edit.replace_all(services(), fields["items"])}


@blp.route("/status")
@blp.role("viewer")
@blp.response(200, StatusListSchema)
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def all_statuses() -> dict[str, Any]:
    """What all cameras do now."""
    return {"items": statuses(services(), services().cameras.all())}


@blp.route("/<id:camera_id>")
class OneCamera(MethodView):
    """One camera."""

    @blp.role("viewer")
    @blp.response(200, CameraSchema)
    @blp.alt_response(404, "NOT_FOUND")
    def get(self, camera_id: int) -> Answer:
        """Show a camera."""
        camera = services().cameras.get(camera_id)
        return camera, edit.etag(camera)

    @blp.role("operator")
    @blp.arguments(CameraSchema)
    @blp.response(200, CameraSchema)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(412, "PRECONDITION_FAILED")
    def put(self, fields: dict[str, Any], camera_id: int) -> Answer:
        """Set all of a camera's fields.

        What is left out gets its default. With `If-Match: ETAG` only if nobody has changed it meanwhile.
        """
        camera = edit.put(services(), camera_id, fields, request.if_match)
        return camera, edit.etag(camera)

    @blp.role("operator")
    @blp.arguments(CameraPatchSchema)
    @blp.response(200, CameraSchema)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(412, "PRECONDITION_FAILED")
    def patch(self, fields: dict[str, Any], camera_id: int) -> Answer:
        """Change some of a camera's fields."""
        camera = edit.patch(services(), camera_id, fields, request.if_match)
        return camera, edit.etag(camera)

    @blp.role("admin")
    @blp.arguments(RemovalSchema, location="query")
    @blp.response(204)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(412, "PRECONDITION_FAILED")
    def delete(self, query: dict[str, bool], camera_id: int) -> None:
        """Remove a camera.

        Its recordings, clips, events with their pictures, kept frames and sightings stay until retention; with
        `purge=true` they go at once.
        """
        edit.remove(services(), camera_id, query["purge"], request.if_match)


@blp.route("/<id:camera_id>/status")
@blp.role("viewer")
@blp.response(200, StatusSchema)
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def status(camera_id: int) -> dict[str, Any]:
    """What a camera does now."""
    return camera_status(services(), camera_id)


@blp.route("/<id:camera_id>/zones")
class Zones(MethodView):
    """A camera's zones."""

    @blp.role("viewer")
    @blp.response(200, ZonesSchema)
    @blp.alt_response(404, "NOT_FOUND")
    def get(self, camera_id: int) -> Answer:
        """List the zones of a camera."""
        camera = services().cameras.get(camera_id)
        return {"items": camera.zones}, edit.etag(camera)

    @blp.role("operator")
    @blp.arguments(ZonesSchema)
    @blp.response(200, ZonesSchema)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(412, "PRECONDITION_FAILED")
    def put(self, fields: dict[str, Any], camera_id: int) -> Answer:
        """Replace the zones of a camera."""
        camera = edit.set_zones(services(), camera_id, fields["items"], request.if_match)
        return {"items": camera.zones}, edit.etag(camera)


@blp.route("/<id:camera_id>/snapshot")
@blp.role("viewer", url_token=True)
@blp.arguments(SnapshotQuerySchema, location="query")
@blp.picture(description="the newest frame; `X-Captured-At` says of when")
@blp.alt_response(404, "NOT_FOUND")
def snapshot(query: dict[str, Any], camera_id: int) -> Response:
    """Show what a camera sees now."""
    return live.snapshot(services(), camera_id, query.get("width"), query["zones"])


@blp.route("/<id:camera_id>/stream")
@blp.role("viewer", url_token=True)
@blp.arguments(StreamQuerySchema, location="query")
@blp.picture(content_type=MIMETYPE, description="JPEG pictures without end")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def stream(query: dict[str, Any], camera_id: int) -> Response:
    """Watch a camera live, as Motion JPEG."""
    return live.stream(services(), camera_id, query["fps"], query.get("width"))


@blp.route("/<id:camera_id>/frames")
@blp.role("viewer")
@blp.arguments(FramesQuerySchema, location="query")
@blp.response(200, FrameListSchema)
@blp.alt_response(404, "NOT_FOUND")
def frames(query: dict[str, Any], camera_id: int) -> dict[str, Any]:
    """List the kept frames of a camera, oldest first."""
    return frame_page(services(), camera_id, **query)


@blp.route("/<id:camera_id>/slideshow")
@blp.role("viewer", url_token=True)
@blp.arguments(SlideshowQuerySchema, location="query")
@blp.picture(content_type=MIMETYPE, description="JPEG pictures until the end of that time")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def slideshow(query: dict[str, Any], camera_id: int) -> Response:
    """Watch the kept frames of a camera around a time, as Motion JPEG."""
    return live.slideshow(services(), camera_id, query["at"], query["seconds"], query["speed"], query.get("width"))
