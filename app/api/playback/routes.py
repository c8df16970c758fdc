"""What was recorded of cameras: playlists for players, their segments, and a time line."""

from __future__ import annotations

from typing import Any

from flask import Response

from app.api.auth.gate import current_user
from app.api.blueprint import BINARY, URL_TOKEN, Blueprint, send_jpeg
from app.api.errors import ApiError
from app.api.files import MP4, send_media
from app.api.playback.contact_sheet import contact_sheet
from app.api.playback.schemas import (
    MOST_EVENTS,
    ContactSheetQuerySchema,
    RangeSchema,
    TimelineQuerySchema,
    TimelineSchema,
)
from app.api.services import services
from core.clock import iso_utc
from storage.events import EventFilter
from storage.hls import vod_playlist
from storage.segment_files import header_bytes
from storage.segments import SegmentFile

HLS = "application/vnd.apple.mpegurl"

blp = Blueprint("playback", __name__, "/api/v1", "What was recorded")


@blp.route("/cameras/<id:camera_id>/playback.m3u8")
@blp.role("viewer", url_token=True)
@blp.arguments(RangeSchema, location="query")
@blp.response(200, {"type": "string"}, content_type=HLS, description="a playlist of HTTP Live Streaming")
@blp.alt_response(404, "NOT_FOUND")
def playback(query: dict[str, float], camera_id: int) -> Response:
    """Play what a camera recorded.

    The URLs in the playlist bear a token that opens recordings alone, for twelve hours.
    """
    found = services().segments.files(camera_id, query["from_s"], query["to_s"])
    if not found:
        services().cameras.get(camera_id)
        raise ApiError(
            404,
            "no_recording",
            f"Nothing was recorded between {iso_utc(query['from_s'])} and {iso_utc(query['to_s'])}.",
        )
    token = services().authenticator.playback_tokens.issue(current_user())

    def url(segment: SegmentFile) -> str:
        return f"/api/v1/segments/{segment.id}.mp4?{URL_TOKEN}={token}"

    text = vod_playlist(found, lambda s: header_bytes(services().media.locate(s.path)), url)
    return Response(text, mimetype=HLS)


@blp.route("/segments/<bigid:segment_id>.mp4")
@blp.role("viewer", url_token=True, playback_token=True)
@blp.response(200, BINARY, content_type=MP4, description="the file, or the ranges of it that are asked for")
@blp.alt_response(404, "NOT_FOUND")
def segment(segment_id: int) -> Response:
    """Get a segment of a recording, which is a playable file by itself."""
    gone = ApiError(404, "segment_not_found", f"There is no segment {segment_id} any more.")
    path = services().segments.path_of(segment_id)
    if path is None:
        raise gone
    return send_media(services().media.locate(path), MP4, gone)


@blp.route("/cameras/<id:camera_id>/timeline")
@blp.role("viewer")
@blp.arguments(TimelineQuerySchema, location="query")
@blp.response(200, TimelineSchema)
@blp.alt_response(404, "NOT_FOUND")
def timeline(query: dict[str, float], camera_id: int) -> dict[str, Any]:
    """See when a camera recorded, and what happened."""
    from_s, to_s = query["from_s"], query["to_s"]
    recorded = services().segments.spans(camera_id, from_s, to_s)
    events = services().events.page(EventFilter(camera_id=camera_id, from_s=from_s, to_s=to_s), None, MOST_EVENTS + 1)
    if not recorded and not events:
        services().cameras.get(camera_id)
    return {
        "recorded": recorded,
        "events": events[:MOST_EVENTS][::-1],
        "events_left_out": len(events) > MOST_EVENTS,
    }


@blp.route("/cameras/<id:camera_id>/contact-sheet")
@blp.role("viewer", url_token=True)
@blp.arguments(ContactSheetQuerySchema, location="query")
@blp.picture(description="thumbnails of kept frames, with their times")
@blp.alt_response(404, "NOT_FOUND")
def sheet(query: dict[str, Any], camera_id: int) -> Response:
    """See a stretch of time at a glance, as one picture of many."""
    frames = services().kept_frames.spread(camera_id, query["from_s"], query["to_s"], query["count"])
    found = ((services().media.read(frame.path), frame.captured_at) for frame in frames)
    data = contact_sheet([(jpeg, at) for jpeg, at in found if jpeg is not None], query.get("width"))
    if data is None:
        services().cameras.get(camera_id)
        raise ApiError(
            404, "no_frame", f"No frames were kept between {iso_utc(query['from_s'])} and {iso_utc(query['to_s'])}."
        )
    return send_jpeg(data)
