"""Events."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from app.api.blueprint import BINARY, Blueprint, send_jpeg
from app.api.clips.schemas import ClipSchema, ClipVariantQuerySchema
from app.api.errors import ApiError
from app.api.events.clips import event_clip, event_clip_manifest
from app.api.events.schemas import (
    EventPageSchema,
    EventQuerySchema,
    EventSchema,
    EventSnapshotQuerySchema,
    EventStreamQuerySchema,
)
from app.api.events.stream import MIMETYPE, follow
from app.api.files import MP4
from app.api.pages import page
from app.api.pictures import narrow_jpeg
from app.api.services import services
from core.clock import iso_utc
from storage.events import StoredEvent
from storage.media import plain_snapshot_path

blp = Blueprint("events", __name__, "/api/v1/events", "What happened")


@blp.route("")
@blp.role("viewer")
@blp.arguments(EventQuerySchema, location="query")
@blp.response(200, EventPageSchema)
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """List events, newest first."""
    found = services().events.page(query["wanted"], query.get("cursor"), query["limit"] + 1)
    return page(found, query["limit"], lambda stored: (stored.event.started_at, stored.event.id))


@blp.route("/stream")
@blp.role("viewer", url_token=True)
@blp.arguments(EventStreamQuerySchema, location="query")
@blp.response(200, {"type": "string"}, content_type=MIMETYPE, description="one message an event, as JSON")
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def stream(query: dict[str, Any]) -> Response:
    """Follow events live, as server-sent events.

    Each message's `id` is a position: sent back as `Last-Event-ID` or `after` it goes on there. An event that goes on
    is sent again, under its own id in the data, whenever it changes.
    """
    return follow(services(), query["wanted"], query.get("after"))


@blp.route("/<uuid:event_id>")
@blp.role("viewer")
@blp.response(200, EventSchema)
@blp.alt_response(404, "NOT_FOUND")
def show(event_id: UUID) -> StoredEvent:
    """Show an event."""
    return _event(event_id)


@blp.route("/<uuid:event_id>/snapshot")
@blp.role("viewer", url_token=True)
@blp.arguments(EventSnapshotQuerySchema, location="query")
@blp.picture()
@blp.alt_response(404, "NOT_FOUND")
def snapshot(query: dict[str, Any], event_id: UUID) -> Response:
    """Show the picture of an event."""
    stored = _event(event_id)
    path = stored.snapshot if query["box"] or stored.snapshot is None else plain_snapshot_path(stored.snapshot)
    data = None if path is None else services().media.read(path, stored.node)
    if data is None:
        raise ApiError(404, "no_snapshot", "There is no picture of this event.")
    return send_jpeg(narrow_jpeg(data, query.get("width")), X_Captured_At=iso_utc(stored.event.best.captured_at))


@blp.route("/<uuid:event_id>/clip")
@blp.role("viewer", url_token=True)
@blp.arguments(ClipVariantQuerySchema, location="query")
@blp.response(200, BINARY, content_type=MP4, description="the file, or the ranges of it that are asked for")
@blp.alt_response(202, schema=ClipSchema, description="it is being made; ask again after `Retry-After` seconds")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(429, "TOO_MANY_REQUESTS")
def clip(query: dict[str, str], event_id: UUID) -> Response:
    """Play the clip of an event.

    It is made when the post-roll is recorded, or when it is asked for first; what is drawn on, when it is asked for.
    """
    return event_clip(services(), _event(event_id), query["variant"])


@blp.route("/<uuid:event_id>/clip/manifest")
@blp.role("viewer", url_token=True)
@blp.arguments(ClipVariantQuerySchema, location="query")
@blp.response(200, {"type": "object"}, description="hashes, and the signature of this installation")
@blp.alt_response(404, "NOT_FOUND")
def clip_manifest(query: dict[str, str], event_id: UUID) -> Response:
    """Download the signed manifest of an event's clip."""
    return event_clip_manifest(services(), _event(event_id).event, query["variant"])


def _event(event_id: UUID) -> StoredEvent:
    stored = services().events.get(str(event_id))
    if stored is None:
        raise ApiError(404, "event_not_found", f"There is no event {event_id}.")
    return stored
