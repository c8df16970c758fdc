"""What events take and give."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app.api.fields import (
    CameraId,
    Cursor,
    ItemsSchema,
    PeriodSchema,
    Schema,
    Text,
    Time,
    WidthSchema,
    known_kinds,
    limit_field,
)
from core.recognitions import DISK_FULL_EVENT, RECOGNITIONS, RECORDING
from core.tracing import trace_id
from storage.events import EventFilter, StoredEvent

EVENT_KINDS = (*(kind for recognition in RECOGNITIONS.values() for kind in recognition.event_kinds), DISK_FULL_EVENT)


class QueryCameraId(CameraId):
    """A camera's id in a query string, where every number is text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strict = False


class EventFilterSchema(PeriodSchema):
    """Which events."""

    camera_id = QueryCameraId()
    recognition = fields.String(validate=known_kinds((*RECOGNITIONS, RECORDING)))
    kind = fields.String(validate=known_kinds(EVENT_KINDS))
    text = Text(validate=validate.Length(1, 64), metadata={"description": "part of the text read, in any case"})

    @ma.post_load
    def _to_filter(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        names = EventFilter.__dataclass_fields__
        wanted = EventFilter(**{k: v for k, v in data.items() if k in names})
        return {"wanted": wanted, **{k: v for k, v in data.items() if k not in names}}


class EventQuerySchema(EventFilterSchema):
    """Which page of events."""

    limit = limit_field(50, 500)
    cursor = Cursor((float, str))


class EventStreamQuerySchema(EventFilterSchema):
    """Which events to follow."""

    after = Cursor((float, str))


class BestFrameSchema(Schema):
    """The frame that shows an event best."""

    captured_at = Time(required=True)
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    trace_id = fields.Function(
        lambda frame: f"{trace_id(frame):032x}",
        metadata={"type": "string", "description": "of the OpenTelemetry trace of its way, if it was traced"},
    )


def _url(stored: StoredEvent) -> str:
    return f"/api/v1/events/{stored.event.id}"


class Itself(fields.Nested):
    """Fields of the same object, one level down."""

    def get_value(self, obj: Any, *_: Any, **__: Any) -> Any:
        """The object that would otherwise be asked for an attribute."""
        return obj


class LinksSchema(Schema):
    """Where more of an event is."""

    self_ = fields.Function(_url, data_key="self", metadata={"type": "string"})
    snapshot = fields.Function(
        lambda stored: None if stored.snapshot is None else f"{_url(stored)}/snapshot",
        metadata={"type": "string", "nullable": True, "description": "null: there is no picture"},
    )
    clip = fields.Function(lambda stored: f"{_url(stored)}/clip", metadata={"type": "string"})


class EventSchema(Schema):
    """What a person wants to know."""

    id = fields.UUID(required=True, attribute="event.id")
    camera_id = fields.Integer(required=True, attribute="event.camera_id")
    recognition = fields.String(required=True, attribute="event.recognition")
    kind = fields.String(required=True, attribute="event.kind")
    started_at = Time(required=True, attribute="event.started_at")
    ended_at = Time(allow_none=True, attribute="event.ended_at", metadata={"description": "null: it goes on"})
    score = fields.Float(required=True, attribute="event.score")
    text = fields.String(allow_none=True, attribute="event.text")
    box = fields.List(
        fields.Float(),
        allow_none=True,
        attribute="event.box",
        metadata={"description": "x1, y1, x2, y2 in pixels of the best frame"},
    )
    best_frame = fields.Nested(BestFrameSchema, attribute="event.best")
    details = fields.Dict(keys=fields.String(), attribute="event.details")
    changed_at = Time(required=True)
    links = Itself(LinksSchema, required=True)


class EventPageSchema(ItemsSchema):
    """A page of events, newest first."""

    items = fields.List(fields.Nested(EventSchema), required=True)


class EventSnapshotQuerySchema(WidthSchema):
    """How an event's picture is wanted."""

    box = fields.Boolean(load_default=True, metadata={"description": "false: without the box drawn"})
