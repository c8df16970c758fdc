"""Frames kept on disk."""

from __future__ import annotations

from flask import Response

from app.api.blueprint import Blueprint, send_jpeg
from app.api.errors import ApiError
from app.api.fields import WidthSchema
from app.api.pictures import narrow_jpeg
from app.api.services import services
from core.clock import iso_utc

blp = Blueprint("frames", __name__, "/api/v1/frames", "Frames kept on disk")


@blp.route("/<bigid:frame_id>")
@blp.role("viewer", url_token=True)
@blp.arguments(WidthSchema, location="query")
@blp.picture()
@blp.alt_response(404, "NOT_FOUND")
def picture(query: dict[str, int], frame_id: int) -> Response:
    """Show a kept frame."""
    frame = services().kept_frames.get(frame_id)
    data = None if frame is None else services().media.read(frame.path, frame.node)
    if frame is None or data is None:
        raise ApiError(404, "frame_not_found", f"There is no frame {frame_id} any more.")
    return send_jpeg(narrow_jpeg(data, query.get("width")), X_Captured_At=iso_utc(frame.captured_at))
