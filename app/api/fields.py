"""Fields and base schemas of all resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from app.api.cursors import Value, decode_cursor
from app.api.times import parse_time
from core.clock import iso_utc

MAX_CAMERA_ID = 2**31 - 1
MAX_WIDTH = 16_384
MIN_WIDTH = 16


class Schema(ma.Schema):
    """What a client sends or gets. Fields that only we set may come back unchanged: they are ignored."""

    class Meta:
        """Unknown fields are refused."""

        unknown = ma.RAISE

    @ma.pre_load
    def _drop_read_only(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping) or not self.dump_fields:
            return data
        ours = {f.data_key or name for name, f in self.dump_fields.items() if f.dump_only}
        return {k: v for k, v in data.items() if k not in ours} if ours else data


class ItemsSchema(Schema):
    """A list. Clients may send it bare, or as they got it."""

    next = fields.String(
        allow_none=True, dump_default=None, metadata={"description": "Cursor of the next page; null: this is the last"}
    )

    @ma.pre_load
    def _wrap(self, data: Any, **_: Any) -> Any:
        return {"items": data} if isinstance(data, list) else data

    @ma.validates("next")
    def _whole_list(self, value: str | None, **_: Any) -> None:
        if value is not None:
            raise ma.ValidationError("This is one page of a list; send the whole list, without `next`.")


class Text(fields.String):
    """One line: no control characters."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not text.isprintable():
            raise ma.ValidationError("Control characters are not allowed.")
        return text


class Flag(fields.Boolean):
    """true or false in JSON, nothing like it."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Number(fields.Float):
    """A number in JSON, no text that looks like one."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class CameraId(fields.Integer):
    """A camera's id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(1, MAX_CAMERA_ID), **kwargs)


class Time(fields.Field[float]):
    """Seconds since the epoch inside; ISO 8601 in UTC outside."""

    def _serialize(self, value: float | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else iso_utc(value)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        try:
            return parse_time(value)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None


class Cursor(fields.Field[tuple[Value, ...]]):
    """Where a page begins."""

    def __init__(self, types: Sequence[type[Value]], **kwargs: Any) -> None:
        super().__init__(metadata={"description": "`next` of the page before"}, **kwargs)
        self._types = types

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[Value, ...]:
        try:
            return decode_cursor(str(value), self._types)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None


class WidthSchema(Schema):
    """How wide a picture is wanted."""

    width = fields.Integer(
        validate=validate.Range(MIN_WIDTH, MAX_WIDTH),
        metadata={"description": "pixels; the height follows; never larger than the picture is"},
    )


class PeriodSchema(Schema):
    """A stretch of time, ``from`` inclusive."""

    from_s = Time(data_key="from", metadata={"description": "earliest time, ISO 8601 with zone or epoch seconds"})
    to_s = Time(data_key="to", metadata={"description": "first time that is too late"})

    @ma.validates_schema
    def _forwards(self, data: Mapping[str, Any], **_: Any) -> None:
        if "from_s" in data and "to_s" in data and data["to_s"] < data["from_s"]:
            raise ma.ValidationError("`to` is before `from`.", "to")


def limit_field(default: int, most: int) -> fields.Integer:
    """How many items a page has."""
    return fields.Integer(load_default=default, validate=validate.Range(1, most))


def known_kinds(kinds: Sequence[str]) -> validate.OneOf:
    """One of these; the refusal names them."""
    return validate.OneOf(kinds, error="Not one of: {choices}.")
