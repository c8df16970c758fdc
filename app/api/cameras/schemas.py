"""What cameras take and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app.api.fields import (
    CameraId,
    Cursor,
    Flag,
    ItemsSchema,
    Number,
    PeriodSchema,
    Schema,
    Text,
    Time,
    WidthSchema,
    known_kinds,
    limit_field,
)
from core.errors import CamrecError
from core.recognitions import RECOGNITIONS
from events import validate_settings
from events.geometry import MAX_POLYGON_POINTS, check_polygon
from storage.camera import RECORDING_MODES, Recording

MAX_CAMERAS = 10_000
MAX_ZONES = 64
MAX_URL_LENGTH = 2048
MAX_KEPT_FPS = 5.0
MAX_ROLL_S = 60.0

_KINDS = tuple(RECOGNITIONS)
_RECORDING = Recording()


def _refuse_twice(values: list[str], what: str, field: str) -> None:
    twice = sorted({v for v in values if values.count(v) > 1})
    if twice:
        raise ma.ValidationError(f"The {what} {', '.join(twice)} stands there twice.", field)


class Whole(fields.Nested):
    """A nested object that is complete also where the outer one need not be (PATCH)."""

    def _load(self, value: Any, partial: Any = None) -> Any:  # noqa: ARG002 - that of the outer object
        return super()._load(value, partial=False)


class RecognitionSchema(Schema):
    """A recognition that a camera has."""

    kind = fields.String(required=True, validate=known_kinds(_KINDS))
    fps = Number(metadata={"description": "frames a second to recognise; without it, the recognition's default"})
    settings = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": "see docs/recognitions/ for those of each kind"},
    )
    models = fields.Dict(
        keys=Text(validate=validate.Length(1, 32)),
        values=Text(validate=validate.Length(1, 128)),
        load_default=dict,
        metadata={"description": "role → model, where this camera uses another one: see docs/models.md"},
    )

    @ma.validates_schema
    def _check_fps(self, data: Mapping[str, Any], **_: Any) -> None:
        most = RECOGNITIONS[data["kind"]].max_fps
        if not 0 < data.get("fps", most) <= most:
            raise ma.ValidationError(f"More than 0 and at most {most:g} for {data['kind']}.", "fps")

    @ma.validates_schema
    def _check_settings(self, data: Mapping[str, Any], **_: Any) -> None:
        try:
            validate_settings(data["kind"], data["settings"])
        except CamrecError as error:
            raise ma.ValidationError(str(error), "settings") from None


class RecordingSchema(Schema):
    """How a camera is recorded."""

    mode = fields.String(
        load_default=_RECORDING.mode,
        validate=known_kinds(RECORDING_MODES),
        metadata={"description": "off, events (with what was before and after them) or continuous"},
    )
    pre_s = Number(
        load_default=_RECORDING.pre_s,
        validate=validate.Range(0, MAX_ROLL_S),
        metadata={"description": "seconds before an event"},
    )
    post_s = Number(
        load_default=_RECORDING.post_s,
        validate=validate.Range(0, MAX_ROLL_S),
        metadata={"description": "seconds after an event"},
    )


class ZoneSchema(Schema):
    """A polygon on the picture."""

    name = Text(required=True, validate=validate.Length(1, 128))
    kind = fields.String(required=True, validate=known_kinds(("include", "exclude")))
    points = fields.List(
        fields.List(Number(), validate=validate.Length(equal=2)),
        required=True,
        validate=validate.Length(3, MAX_POLYGON_POINTS),
        metadata={"description": "corners [x, y] as shares (0 to 1) of the picture's width and height"},
    )
    recognitions = fields.List(
        fields.String(validate=known_kinds(_KINDS)),
        load_default=list,
        validate=validate.Length(max=len(_KINDS)),
        metadata={"description": "those it holds for; empty: all"},
    )

    @ma.validates("points")
    def _check_polygon(self, points: list[list[float]], **_: Any) -> None:
        try:
            check_polygon(points)
        except CamrecError as error:
            raise ma.ValidationError(str(error)) from None


class ZonesSchema(ItemsSchema):
    """A camera's zones."""

    items = fields.List(fields.Nested(ZoneSchema), required=True, validate=validate.Length(max=MAX_ZONES))

    @ma.validates("items")
    def _names_once(self, zones: list[dict[str, Any]], **_: Any) -> None:
        _refuse_twice([z["name"] for z in zones if "name" in z], "name", "items")


class CameraSchema(Schema):
    """A configured source."""

    id = CameraId()
    name = Text(required=True, validate=validate.Length(1, 128))
    url = Text(
        required=True,
        attribute="url_shown",
        validate=validate.Length(1, MAX_URL_LENGTH),
        metadata={
            "description": "rtsp://, rtsps://, http:// or https://; answers hide its credentials as `***`, which sent "
            "back mean: keep those you have",
            "example": "rtsp://user:password@192.0.2.10:554/stream1",
        },
    )
    detect_url = Text(
        attribute="detect_url_shown",
        allow_none=True,
        load_default=None,
        validate=validate.Length(1, MAX_URL_LENGTH),
        metadata={"description": "a stream of lower resolution that is analysed instead"},
    )
    enabled = Flag(load_default=True)
    tls_verify = Flag(load_default=True, metadata={"description": "false: take any certificate"})
    motion_gate = Flag(
        load_default=True,
        metadata={"description": "false: recognise at the full rate while nothing moves, too"},
    )
    keep_fps = Number(
        allow_none=True,
        load_default=None,
        validate=validate.Range(0, MAX_KEPT_FPS),
        metadata={"description": "frames a second kept on disk; null: CAMREC_KEEP_FPS"},
    )
    recognitions = fields.List(Whole(RecognitionSchema), load_default=list)
    recording = Whole(RecordingSchema, load_default=lambda: RecordingSchema().load({}))
    zones = fields.List(fields.Nested(ZoneSchema), dump_only=True, metadata={"description": "see /cameras/{id}/zones"})
    version = fields.Integer(dump_only=True, metadata={"description": "grows with every change; also the ETag"})
    created_at = Time(dump_only=True)
    fault = fields.String(
        dump_only=True, allow_none=True, metadata={"description": "why it cannot be watched, where that is so"}
    )

    @ma.pre_load
    def _strip_name(self, data: Any, **_: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("name"), str):
            return {**data, "name": data["name"].strip()}
        return data

    @ma.validates("recognitions")
    def _kinds_once(self, recognitions: list[dict[str, Any]], **_: Any) -> None:
        _refuse_twice([r["kind"] for r in recognitions if "kind" in r], "kind", "recognitions")


class CameraPatchSchema(CameraSchema):
    """Some fields of a camera."""

    def __init__(self, **options: Any) -> None:
        super().__init__(partial=True, **options)


class CameraListSchema(ItemsSchema):
    """Cameras."""

    items = fields.List(fields.Nested(CameraSchema), required=True, validate=validate.Length(max=MAX_CAMERAS))


class CameraQuerySchema(Schema):
    """Which cameras to list."""

    name = Text(validate=validate.Length(1, 128), metadata={"description": "part of the name, in any case"})
    limit = limit_field(100, 1000)
    cursor = Cursor((int,))


class RemovalSchema(Schema):
    """How to remove a camera."""

    purge = fields.Boolean(
        load_default=False,
        metadata={"description": "remove its recordings, clips, events, kept frames and sightings, too"},
    )


class SnapshotQuerySchema(WidthSchema):
    """How a camera's picture is wanted."""

    zones = fields.Boolean(load_default=False, metadata={"description": "draw the zones with their names"})


class StreamQuerySchema(WidthSchema):
    """How a camera's live pictures are wanted."""

    fps = fields.Float(load_default=5.0, validate=validate.Range(0.1, 30))


class FramesQuerySchema(PeriodSchema):
    """Which kept frames to list."""

    limit = limit_field(100, 1000)
    cursor = Cursor((float, int))


class SlideshowQuerySchema(WidthSchema):
    """Which kept frames to show."""

    at = Time(required=True, metadata={"description": "the middle, ISO 8601 with zone or epoch seconds"})
    seconds = fields.Float(load_default=30.0, validate=validate.Range(1, 3600))
    speed = fields.Float(load_default=1.0, validate=validate.Range(0.1, 64))
