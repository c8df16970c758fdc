"""What clips take and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app.api.events.schemas import Itself, QueryCameraId
from app.api.fields import CameraId, Cursor, ItemsSchema, Schema, Time, limit_field
from storage.clips.store import CLIP_STATES, CLIP_VARIANTS, Clip

LONGEST_CLIP_S = 2 * 3600.0


def variant_field() -> fields.String:
    """What is drawn on a clip."""
    return fields.String(
        load_default="copy",
        validate=validate.OneOf(CLIP_VARIANTS),
        metadata={
            "description": "copy: as sent; encoded anew: timestamp, with the time; boxes: with what events saw, too"
        },
    )


class NewClipSchema(Schema):
    """What to cut."""

    camera_id = CameraId(required=True)
    from_s = Time(required=True, data_key="from", metadata={"description": "ISO 8601 with zone or epoch seconds"})
    to_s = Time(required=True, data_key="to", metadata={"description": "at most two hours later"})
    variant = variant_field()

    @ma.validates_schema
    def _length(self, data: Mapping[str, Any], **_: Any) -> None:
        if "from_s" not in data or "to_s" not in data:
            return
        length_s = data["to_s"] - data["from_s"]
        if not 0 < length_s <= LONGEST_CLIP_S:
            raise ma.ValidationError(
                f"A clip is up to {LONGEST_CLIP_S / 3600:.0f} hours long; got {length_s:g} s.", "to"
            )


class GapSchema(Schema):
    """A stretch that a clip does not show."""

    from_s = Time(required=True, data_key="from")
    to_s = Time(required=True, data_key="to")
    reason = fields.String(metadata={"description": "not_recorded, unreadable, other_format or recorded_twice"})


def _url(clip: Clip) -> str:
    return f"/api/v1/clips/{clip.id}"


class ClipLinksSchema(Schema):
    """Where a clip is, once it is done."""

    self_ = fields.Function(_url, data_key="self", metadata={"type": "string"})
    download = fields.Function(
        lambda clip: f"{_url(clip)}/download" if clip.state == "done" else None,
        metadata={"type": "string", "nullable": True},
    )
    manifest = fields.Function(
        lambda clip: f"{_url(clip)}/manifest" if clip.state == "done" else None,
        metadata={"type": "string", "nullable": True},
    )


class ClipSchema(Schema):
    """A clip that is made, or was."""

    id = fields.UUID(required=True)
    camera_id = fields.Integer(required=True)
    event_id = fields.UUID(allow_none=True, metadata={"description": "null: somebody asked for the range"})
    from_s = Time(required=True, data_key="from")
    to_s = Time(required=True, data_key="to")
    variant = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": ", ".join(CLIP_STATES)})
    progress = fields.Float(required=True, metadata={"description": "0 to 1"})
    size_bytes = fields.Integer(allow_none=True)
    gaps = fields.List(fields.Nested(GapSchema), metadata={"description": "what of the range it does not show"})
    error = fields.String(allow_none=True, metadata={"description": "why it failed, or what it waits for"})
    created_by = fields.String(allow_none=True)
    created_at = Time(required=True)
    links = Itself(ClipLinksSchema, required=True)


class ClipVariantQuerySchema(Schema):
    """Which of an event's clips."""

    variant = variant_field()


class ClipPageSchema(ItemsSchema):
    """A page of clips, newest first."""

    items = fields.List(fields.Nested(ClipSchema), required=True)


class ClipQuerySchema(Schema):
    """Which page of clips."""

    camera_id = QueryCameraId()
    state = fields.String(validate=validate.OneOf(CLIP_STATES))
    of_events = fields.Boolean(load_default=False, metadata={"description": "true: those of events, too"})
    limit = limit_field(50, 500)
    cursor = Cursor((float, str))
