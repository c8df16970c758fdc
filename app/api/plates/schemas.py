"""What plates and their lists take and give."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app.api.events.schemas import QueryCameraId
from app.api.fields import Cursor, ItemsSchema, PeriodSchema, Schema, Text, Time, known_kinds, limit_field
from core.plates import LIST_KINDS, normalise
from storage.events import EventFilter
from storage.plate_lists import MAX_PLATE_LENGTH

_PART = {"description": "part of the plate, in any case, dashes and blanks or not"}


class PlateQuerySchema(PeriodSchema):
    """Which page of plates that were read."""

    camera_id = QueryCameraId()
    text = Text(validate=validate.Length(1, 64), metadata=_PART)
    limit = limit_field(50, 500)
    cursor = Cursor((float, str))

    @ma.post_load
    def _to_filter(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        wanted = EventFilter(
            kind="plate",
            camera_id=data.get("camera_id"),
            from_s=data.get("from_s"),
            to_s=data.get("to_s"),
            text=normalise(data.get("text", "")) or None,
        )
        return {"wanted": wanted, "limit": data["limit"], "cursor": data.get("cursor")}


class PlateListSchema(Schema):
    """A named list of plates."""

    id = fields.Integer(dump_only=True)
    name = Text(required=True, validate=[validate.Length(1, 128), validate.Regexp(r".*\S", error="Not blank.")])
    kind = fields.String(required=True, validate=known_kinds(LIST_KINDS))
    max_distance = fields.Integer(
        load_default=1,
        strict=True,
        validate=validate.Range(0, 1),
        metadata={
            "description": "characters by which a plate may differ from an entry and still be a hit; 0 for a list that "
            "opens a gate"
        },
    )


class PlateListPatchSchema(PlateListSchema):
    """Some fields of a list of plates."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(partial=True, **kwargs)


class PlateListsSchema(ItemsSchema):
    """All lists, by name."""

    items = fields.List(fields.Nested(PlateListSchema), required=True)


class PlateEntrySchema(Schema):
    """A plate on a list."""

    id = fields.Integer(dump_only=True)
    list_id = fields.Integer(dump_only=True)
    plate = Text(required=True, validate=validate.Length(1, MAX_PLATE_LENGTH))
    owner = Text(load_default="", validate=validate.Length(0, 128))
    note = Text(load_default="", validate=validate.Length(0, 1000))
    valid_from = Time(allow_none=True, load_default=None)
    valid_until = Time(
        allow_none=True, load_default=None, metadata={"description": "the first moment at which it does not count"}
    )


class PlateEntryPatchSchema(PlateEntrySchema):
    """Some fields of a plate on a list."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(partial=True, **kwargs)


class PlateEntryQuerySchema(Schema):
    """Which page of entries."""

    text = Text(load_default="", validate=validate.Length(0, 64), metadata=_PART)
    limit = limit_field(100, 1000)
    cursor = Cursor((int,))


class PlateEntriesSchema(ItemsSchema):
    """A page of entries, in the order in which they were added."""

    items = fields.List(fields.Nested(PlateEntrySchema), required=True)


class ImportQuerySchema(Schema):
    """How entries are imported."""

    replace = fields.Boolean(load_default=False, metadata={"description": "true: what is not in the file goes"})


class ImportedSchema(Schema):
    """What an import did."""

    added = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    removed = fields.Integer(required=True)
