"""What identities take and give."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app.api.events.schemas import QueryCameraId
from app.api.fields import Cursor, ItemsSchema, PeriodSchema, Schema, Text, Time, limit_field
from storage.identities import SightingFilter

MAX_IDS = 100


class IdentityQuerySchema(Schema):
    """Which page of identities."""

    text = Text(validate=validate.Length(1, 64), metadata={"description": "part of the name, in any case"})
    limit = limit_field(50, 500)
    cursor = Cursor((float, str))


class IdentitySchema(Schema):
    """Somebody who was seen, told by their clothes."""

    id = fields.UUID(required=True)
    name = fields.String(allow_none=True)
    first_seen_at = Time(attribute="created_at")
    last_seen_at = Time(attribute="seen_at")
    sightings = fields.Integer(metadata={"description": "how many"})
    cameras = fields.List(fields.Integer(), metadata={"description": "ids of the cameras that saw them"})
    newest_event = fields.UUID(
        attribute="newest", metadata={"description": "event, with picture, of the last sighting"}
    )


class IdentityPageSchema(ItemsSchema):
    """A page of identities, those first seen last first."""

    items = fields.List(fields.Nested(IdentitySchema), required=True)


class NameSchema(Schema):
    """A name."""

    name = Text(required=True, allow_none=True, validate=validate.Length(1, 128))


class MergeSchema(Schema):
    """Identities that are the same person."""

    identities = fields.List(fields.UUID(), required=True, validate=validate.Length(1, MAX_IDS))


class SplitSchema(Schema):
    """Sightings that are somebody else."""

    sightings = fields.List(fields.UUID(), required=True, validate=validate.Length(1, MAX_IDS))


class SightingQuerySchema(PeriodSchema):
    """Which sightings."""

    identity = fields.UUID()
    camera_id = QueryCameraId()
    limit = limit_field(50, 500)
    cursor = Cursor((float, str))

    @ma.post_load
    def _to_filter(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        identity = data.get("identity")
        wanted = SightingFilter(
            identity_id=None if identity is None else str(identity),
            camera_id=data.get("camera_id"),
            from_s=data.get("from_s"),
            to_s=data.get("to_s"),
        )
        return {"wanted": wanted, "limit": data["limit"], "cursor": data.get("cursor")}


class SightingSchema(Schema):
    """One passage on one camera. Its event, with the picture, has the same id."""

    id = fields.UUID(required=True)
    identity = fields.UUID(attribute="identity_id")
    name = fields.String(allow_none=True)
    camera_id = fields.Integer()
    started_at = Time()
    ended_at = Time()
    similarity = fields.Float(allow_none=True, metadata={"description": "to an earlier sighting; null: the first one"})


class SightingPageSchema(ItemsSchema):
    """A page of sightings, newest first."""

    items = fields.List(fields.Nested(SightingSchema), required=True)
