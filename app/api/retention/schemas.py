"""What retention takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app.api.events.schemas import QueryCameraId
from app.api.fields import CameraId, Cursor, ItemsSchema, Number, PeriodSchema, Schema, Text, Time, limit_field
from storage.retention.rules import MEDIA_CLASSES, PRIORITIES, Limit, RetentionRule

MAX_DAYS = 36_500
MAX_GB = 1e6


class LimitSchema(Schema):
    """How much of one class of media stays."""

    days = Number(
        allow_none=True,
        load_default=None,
        validate=validate.Range(0, MAX_DAYS, min_inclusive=False),
        metadata={"description": "null: as the settings say"},
    )
    gb = Number(
        allow_none=True,
        load_default=None,
        validate=validate.Range(0, MAX_GB, min_inclusive=False),
        metadata={"description": "gigabytes of this camera; null: no limit of its own"},
    )

    @ma.post_load
    def _to_limit(self, data: Mapping[str, Any], **_: Any) -> Limit:
        return Limit(**data)


class RetentionSchema(Schema):
    """How long a camera's media stay. A class that is left out goes by the settings."""

    priority = fields.String(
        load_default="normal",
        validate=validate.OneOf(PRIORITIES, error="Not one of: {choices}."),
        metadata={"description": "where the disk is full, media of `low` cameras go before those of `high` ones"},
    )
    limits = fields.Dict(
        keys=fields.String(validate=validate.OneOf(MEDIA_CLASSES, error="Not one of: {choices}.")),
        values=fields.Nested(LimitSchema),
        load_default=dict,
        metadata={"description": f"by class: {', '.join(MEDIA_CLASSES)}"},
    )

    @ma.post_load
    def _to_rule(self, data: Mapping[str, Any], **_: Any) -> RetentionRule:
        return RetentionRule(**data)


class NewKeepLockSchema(Schema):
    """What to lock: a range of a camera, or an event with its pre- and post-roll."""

    camera_id = CameraId()
    from_s = Time(data_key="from", metadata={"description": "ISO 8601 with zone or epoch seconds"})
    to_s = Time(data_key="to")
    event_id = fields.UUID(metadata={"description": "in place of camera and range"})
    note = Text(load_default="", validate=validate.Length(max=500), metadata={"description": "why"})

    @ma.validates_schema
    def _either(self, data: Mapping[str, Any], **_: Any) -> None:
        given = sorted(name for name in ("camera_id", "from_s", "to_s") if name in data)
        if ("event_id" in data) == bool(given) or len(given) not in {0, 3}:
            raise ma.ValidationError("Send `event_id`, or `camera_id` with `from` and `to`.", "event_id")
        if given and data["to_s"] <= data["from_s"]:
            raise ma.ValidationError("`to` is not after `from`.", "to")


class KeepLockSchema(Schema):
    """A stretch of time whose recordings, clips, kept frames and events stay until it is unlocked."""

    id = fields.UUID(required=True)
    camera_id = fields.Integer(required=True)
    from_s = Time(required=True, data_key="from")
    to_s = Time(required=True, data_key="to")
    event_id = fields.UUID(allow_none=True)
    note = fields.String(required=True)
    created_by = fields.String(required=True)
    created_at = Time(required=True)


class KeepLockPageSchema(ItemsSchema):
    """A page of locks, newest first."""

    items = fields.List(fields.Nested(KeepLockSchema), required=True)


class KeepLockQuerySchema(PeriodSchema):
    """Which page of locks."""

    camera_id = QueryCameraId()
    event_id = fields.UUID()
    limit = limit_field(50, 500)
    cursor = Cursor((float, str))
