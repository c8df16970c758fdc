"""What kept frames give."""

from __future__ import annotations

from marshmallow import fields

from app.api.fields import ItemsSchema, Schema, Time


class FrameSchema(Schema):
    """A frame kept on disk."""

    id = fields.Integer(required=True)
    camera_id = fields.Integer(required=True)
    captured_at = Time(required=True)
    width = fields.Integer()
    height = fields.Integer()
    size_bytes = fields.Integer()
    picture = fields.Function(
        lambda frame: f"/api/v1/frames/{frame.id}", metadata={"type": "string", "description": "where its picture is"}
    )


class FrameListSchema(ItemsSchema):
    """A page of kept frames."""

    items = fields.List(fields.Nested(FrameSchema), required=True)
