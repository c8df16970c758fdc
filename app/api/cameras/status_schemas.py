"""What is said of what cameras do now."""

from __future__ import annotations

from marshmallow import fields

from app.api.fields import ItemsSchema, Schema, Time


class RecordingStatusSchema(Schema):
    """What becomes of a camera's recording."""

    mode = fields.String(required=True, metadata={"description": "off, events or continuous"})
    state = fields.String(
        required=True,
        metadata={
            "description": "off, waiting (for the stream), armed (for an event), recording, paused or impossible"
        },
    )
    reason = fields.String(
        allow_none=True, metadata={"description": "disk_full (paused), unsupported_codec (impossible)"}
    )
    last_segment_at = Time(allow_none=True, metadata={"description": "end of the newest whole segment"})
    segments = fields.Integer(metadata={"description": "written since capture has had the camera, as are bytes"})
    bytes = fields.Integer()
    bytes_per_s = fields.Float()
    gaps = fields.Integer(metadata={"description": "times that it broke off and went on"})


class StatusSchema(Schema):
    """What a camera does now. Rates are frames a second."""

    camera_id = fields.Integer(required=True)
    node = fields.String(allow_none=True, metadata={"description": "of the capture that watches it"})
    state = fields.String(required=True, metadata={"description": "disabled, connecting, streaming, waiting, …"})
    reason = fields.String(
        allow_none=True, metadata={"description": "auth_failed, not_found, timeout, refused, tls, …"}
    )
    message = fields.String(allow_none=True)
    since = Time(allow_none=True, metadata={"description": "when it came into this state"})
    last_frame_at = Time(allow_none=True)
    frame_age_s = fields.Float(allow_none=True)
    asked_fps = fields.Dict(keys=fields.String(), values=fields.Float(), metadata={"description": "by recognition"})
    reached_fps = fields.Dict(keys=fields.String(), values=fields.Float(), metadata={"description": "by recognition"})
    received_fps = fields.Float()
    decoded_fps = fields.Float()
    sampled_fps = fields.Float()
    moving = fields.Boolean(metadata={"description": "something moves; otherwise recognitions get fewer frames"})
    motion_at = Time(allow_none=True, metadata={"description": "when something moved last"})
    drops = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata={"description": "frames, by cause"})
    offered = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata={"description": "frames to workers, by recognition"}
    )
    reconnects = fields.Integer()
    model_missing = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "recognitions of the camera that wait for a model, and the command that brings it"},
    )
    width = fields.Integer(allow_none=True)
    height = fields.Integer(allow_none=True)
    codec = fields.String(allow_none=True)
    gop_s = fields.Float(allow_none=True, metadata={"description": "seconds from one key frame to the next"})
    key_frames_only = fields.Boolean(metadata={"description": "whether only those are decoded"})
    recording = fields.Nested(RecordingStatusSchema, allow_none=True)


class StatusListSchema(ItemsSchema):
    """All cameras' status."""

    items = fields.List(fields.Nested(StatusSchema), required=True)
