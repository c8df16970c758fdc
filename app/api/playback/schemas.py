"""What playback takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app.api.fields import Schema, Time, WidthSchema

LONGEST_PLAYLIST_S = 7 * 86_400.0
LONGEST_TIMELINE_S = 31 * 86_400.0
MOST_SEGMENTS = 50_000
"""Of a playlist, which is 13 MB then: two days and more of segments of 4 s, four of 8 s."""
MOST_EVENTS = 1000
MOST_THUMBNAILS = 100


class RangeSchema(Schema):
    """A stretch of time, both ends given."""

    longest_s = LONGEST_PLAYLIST_S

    from_s = Time(required=True, data_key="from", metadata={"description": "ISO 8601 with zone or epoch seconds"})
    to_s = Time(required=True, data_key="to", metadata={"description": "first time that is too late"})

    @ma.validates_schema
    def _length(self, data: Mapping[str, Any], **_: Any) -> None:
        if "from_s" in data and "to_s" in data and not 0 < data["to_s"] - data["from_s"] <= self.longest_s:
            raise ma.ValidationError(f"`to` is up to {self.longest_s / 86_400:.0f} days after `from`.", "to")


class TimelineQuerySchema(RangeSchema):
    """Of which time."""

    longest_s = LONGEST_TIMELINE_S


class ContactSheetQuerySchema(TimelineQuerySchema, WidthSchema):
    """Of which time, and how."""

    count = fields.Integer(load_default=24, validate=validate.Range(1, MOST_THUMBNAILS))


class SpanSchema(Schema):
    """A stretch without gaps."""

    from_s = Time(required=True, data_key="from", attribute="0")
    to_s = Time(required=True, data_key="to", attribute="1")

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:  # noqa: ARG002  # marshmallow's signature
        """Of a pair."""
        return obj[int(attr)]


class TimelineEventSchema(Schema):
    """An event as a mark on a bar."""

    id = fields.UUID(required=True, attribute="event.id")
    kind = fields.String(required=True, attribute="event.kind")
    started_at = Time(required=True, attribute="event.started_at")
    ended_at = Time(allow_none=True, attribute="event.ended_at")
    text = fields.String(allow_none=True, attribute="event.text")


class TimelineSchema(Schema):
    """What there is to see of a camera."""

    recorded = fields.List(fields.Nested(SpanSchema), required=True)
    motion = fields.List(
        fields.Nested(SpanSchema),
        required=True,
        allow_none=True,
        metadata={"description": "when something moved; null: nobody watched for motion in all that time"},
    )
    motion_watched = fields.List(
        fields.Nested(SpanSchema),
        required=True,
        metadata={
            "description": "when the camera was watched for motion; at other times nothing is known of it. "
            "Where only key frames are decoded, it is watched at those"
        },
    )
    step_s = fields.Float(
        required=True,
        metadata={"description": "shorter pauses of recording and motion are not shown: ask for a shorter range"},
    )
    events = fields.List(
        fields.Nested(TimelineEventSchema), required=True, metadata={"description": "the newest, oldest first"}
    )
    events_left_out = fields.Boolean(required=True, metadata={"description": "whether there were more events"})
