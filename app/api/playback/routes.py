"""What was recorded of cameras: playlists for players, their segments, and a time line."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from app.api.auth.gate import current_user
from app.api.blueprint import BINARY, URL_TOKEN, Blueprint, send_jpeg
from app.api.errors import ApiError
from app.api.files import MP4, send_media
from app.api.playback.contact_sheet import contact_sheet
from app.api.playback.kept_jpegs import kept_jpegs
from app.api.playback.schemas import (
    MOST_EVENTS,
    MOST_SEGMENTS,
    ContactSheetQuerySchema,
    RangeSchema,
    TimelineQuerySchema,
    TimelineSchema,
)
from app.api.services import services
from core import keys
from core.clock import iso_utc
from storage.camera import Camera
from storage.events import EventFilter
from storage.hls import live_entrance, vod_playlist
from storage.live import LIVE, live_segment_file
from storage.motion_spans import step_of
from storage.node_files import RECORDED
from storage.overlaps import without_repeats
from storage.segment_files import BrokenSegmentError, header_bytes
from storage.segments import SegmentFile
from storage.spans import merged_spans

HLS = "application/vnd.apple.mpegurl"
LIVE_BITS_PER_S = 8_000_000
"""Said of every camera, since the format wants a number; with one variant players have nothing to choose by it."""
LIVE_WANTED_S = 20.0
"""A camera of which no playlist was asked for so long is watched no longer."""

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
    found = services().segments.files(camera_id, query["from_s"], query["to_s"], MOST_SEGMENTS + 1)
    if len(found) > MOST_SEGMENTS:
        raise ApiError(
            422,
            "range_too_long",
            f"More than {MOST_SEGMENTS} segments were recorded in that time, which is too much for a player: ask for "
            f"less, from {iso_utc(query['from_s'])} to {iso_utc(found[-1].started_at)} at most.",
        )
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

    return _playlist(vod_playlist(without_repeats(found), _init_bytes, url))


@blp.route("/cameras/<id:camera_id>/live.m3u8")
@blp.role("viewer", url_token=True)
@blp.response(200, {"type": "string"}, content_type=HLS, description="a playlist of HTTP Live Streaming")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
def live(camera_id: int) -> Response:
    """Watch a camera live with sound, as a playlist.

    The playlist leads to another one that goes on. Its URL bears a token that opens recordings alone, for twelve hours.
    """
    _watchable(camera_id)
    token = services().authenticator.playback_tokens.issue(current_user())
    url = f"/api/v1/cameras/{camera_id}/live/parts.m3u8?{URL_TOKEN}={token}"
    return _playlist(live_entrance(url, LIVE_BITS_PER_S))


@blp.route("/cameras/<id:camera_id>/live/parts.m3u8")
@blp.role("viewer", playback_token=True)
@blp.response(200, {"type": "string"}, content_type=HLS, description="the last half minute, and more at each request")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def live_parts(camera_id: int) -> Response:
    """Get what a camera has shown in the last half minute, as a playlist that goes on."""
    camera = _watchable(camera_id)
    kind, recordings = RECORDED, services().settings.media_dir
    if camera.recording.mode != "continuous":
        kind, recordings = LIVE, recordings / LIVE
        wanted_until = services().clock.now() + LIVE_WANTED_S
        services().redis.zadd(keys.LIVE_WANTED, {str(camera_id): wanted_until})
    # The same token again: players keep what they have loaded by its address.
    token = request.args.get(URL_TOKEN) or services().authenticator.playback_tokens.issue(current_user())

    def url(name: str) -> str:
        return f"/api/v1/cameras/{camera_id}/live/{name}.mp4?{URL_TOKEN}={token}"

    elsewhere = services().live_elsewhere
    node = elsewhere.node_of(services().redis_link.client, camera_id)
    if node is not None:
        return _playlist(services().live.wait(camera_id, lambda: elsewhere.playlist(node, camera_id, kind, url)))
    return _playlist(services().live.playlist(camera_id, recordings, url))


@blp.route("/cameras/<id:camera_id>/live/<name>.mp4")
@blp.role("viewer", playback_token=True)
@blp.response(200, BINARY, content_type=MP4, description="the ranges of it that are asked for")
@blp.alt_response(404, "NOT_FOUND")
def live_file(camera_id: int, name: str) -> Response:
    """Get parts of a file that a live playlist names, while it grows and afterwards."""
    gone = ApiError(404, "segment_not_found", f"There is no segment {name} any more.")
    media = services().settings.media_dir
    for _ in range(2):  # it may be renamed between the look and its opening
        path = live_segment_file(media, camera_id, name) or live_segment_file(media / LIVE, camera_id, name)
        if path is None:
            break
        try:
            response = send_media(path, MP4, gone)
        except ApiError:
            continue
        return _growing(response)
    elsewhere = services().live_elsewhere
    node = elsewhere.node_of(services().redis_link.client, camera_id)
    found = elsewhere.file(node, camera_id, name, request.headers.get("Range"))
    if found is None:
        raise gone
    return _growing(found)


def _growing(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"  # a browser must not find that it has changed: it has grown
    return response


def _init_bytes(segment: SegmentFile) -> int | None:
    """Of a segment that was indexed before its row said so; ``camrec recordings check --repair`` fills it in."""
    try:
        return header_bytes(services().media.fetch(segment.path, segment.node))
    except BrokenSegmentError:
        return None


def _watchable(camera_id: int) -> Camera:
    camera = services().cameras.get(camera_id)
    if not camera.enabled:
        raise ApiError(409, "camera_disabled", "The camera is disabled: enable it to see it live.")
    if camera.detect_url and camera.recording.mode == "off":
        message = "Nobody reads its main stream, for it has a detect_url and recording.mode is off: set it to events."
        raise ApiError(409, "main_stream_unread", message)
    return camera


def _playlist(text: str) -> Response:
    response = Response(text, mimetype=HLS)
    response.headers["Cache-Control"] = "no-store"
    return response


@blp.route("/segments/<bigid:segment_id>.mp4")
@blp.role("viewer", url_token=True, playback_token=True)
@blp.response(200, BINARY, content_type=MP4, description="the file, or the ranges of it that are asked for")
@blp.alt_response(404, "NOT_FOUND")
def segment(segment_id: int) -> Response:
    """Get a segment of a recording, which is a playable file by itself."""
    gone = ApiError(404, "segment_not_found", f"There is no segment {segment_id} any more.")
    place = services().segments.place_of(segment_id)
    if place is None:
        raise gone
    return send_media(services().media.fetch(*place), MP4, gone)


@blp.route("/cameras/<id:camera_id>/timeline")
@blp.role("viewer")
@blp.arguments(TimelineQuerySchema, location="query")
@blp.response(200, TimelineSchema)
@blp.alt_response(404, "NOT_FOUND")
def timeline(query: dict[str, float], camera_id: int) -> dict[str, Any]:
    """See when a camera recorded, when something moved, and what happened."""
    from_s, to_s = query["from_s"], query["to_s"]
    step_s = step_of(from_s, to_s)
    recorded = merged_spans(services().segments.spans(camera_id, from_s, to_s), step_s)
    events = services().events.page(EventFilter(camera_id=camera_id, from_s=from_s, to_s=to_s), None, MOST_EVENTS + 1)
    watched = services().motion.between(camera_id, "watched", from_s, to_s)
    if not recorded and not events and not watched:
        services().cameras.get(camera_id)
    return {
        "recorded": recorded,
        "motion": services().motion.between(camera_id, "moving", from_s, to_s) if watched else None,
        "motion_watched": watched,
        "step_s": step_s,
        "events": events[:MOST_EVENTS][::-1],
        "events_left_out": len(events) > MOST_EVENTS,
    }


@blp.route("/cameras/<id:camera_id>/contact-sheet")
@blp.role("viewer", url_token=True)
@blp.arguments(ContactSheetQuerySchema, location="query")
@blp.picture(description="thumbnails of kept frames, with their times")
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def sheet(query: dict[str, Any], camera_id: int) -> Response:
    """See a stretch of time at a glance, as one picture of many."""
    frames = services().kept_frames.spread(camera_id, query["from_s"], query["to_s"], query["count"])
    data = contact_sheet(list(kept_jpegs(services().media, frames)), query.get("width"))
    if data is None:
        services().cameras.get(camera_id)
        raise ApiError(
            404, "no_frame", f"No frames were kept between {iso_utc(query['from_s'])} and {iso_utc(query['to_s'])}."
        )
    return send_jpeg(data)
