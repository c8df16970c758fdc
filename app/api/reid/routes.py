"""Search by picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request
from flask.views import MethodView
from flask_smorest.fields import Upload  # type: ignore[import-untyped]
from marshmallow import fields, validate

from app.api.blueprint import Blueprint
from app.api.errors import ApiError
from app.api.events.schemas import QueryCameraId
from app.api.fields import PeriodSchema, Schema, limit_field
from app.api.identities.schemas import SightingSchema
from app.api.services import services
from core.sightings import Where
from core.types import Detection
from storage.media import decode_jpeg

MAX_PICTURE_BYTES = 10_000_000

blp = Blueprint("reid", __name__, "/api/v1/reid", "Where else somebody was seen")


def _allow_pictures() -> None:
    request.max_content_length = MAX_PICTURE_BYTES


blp.before_request(_allow_pictures)


class SearchFilesSchema(Schema):
    """The picture."""

    picture = Upload(required=True)


class SearchQuerySchema(PeriodSchema):
    """Among which sightings."""

    camera_id = fields.List(QueryCameraId(), metadata={"description": "only these cameras; may be given several times"})
    person = fields.Integer(
        validate=validate.Range(0, 100), metadata={"description": "only this one of `persons`; otherwise all of them"}
    )
    limit = limit_field(20, 200)


class PersonSchema(Schema):
    """A person in the picture."""

    box = fields.List(fields.Float(), metadata={"description": "x1, y1, x2, y2 in pixels of the picture"})
    score = fields.Float()


class FoundSchema(Schema):
    """A sighting that is like a person of the picture."""

    person = fields.Integer(metadata={"description": "which of `persons`"})
    similarity = fields.Float(metadata={"description": "-1 to 1"})
    sighting = fields.Nested(SightingSchema)


class SearchResultSchema(Schema):
    """What was found, best first."""

    persons = fields.List(fields.Nested(PersonSchema), required=True)
    items = fields.List(fields.Nested(FoundSchema), required=True)


class TravelTimeSchema(Schema):
    """The quickest way between two cameras, as learnt from people who went it."""

    from_camera = fields.Integer(required=True)
    to_camera = fields.Integer(required=True)
    least_s = fields.Float(metadata={"description": "nobody who is seen sooner is taken for the same person"})
    transitions = fields.Integer(metadata={"description": "how many it was learnt from"})


class TravelTimesSchema(Schema):
    """All travel times."""

    items = fields.List(fields.Nested(TravelTimeSchema), required=True)


class ForgetQuerySchema(Schema):
    """Which travel times."""

    camera_id = QueryCameraId(metadata={"description": "only those of ways to and from this camera"})


@blp.route("/travel-times")
class TravelTimes(MethodView):
    """Travel times."""

    @blp.role("operator")
    @blp.response(200, TravelTimesSchema)
    def get(self) -> dict[str, Any]:
        """List travel times.

        They hold for cameras whose setting `travel_s` is not set.
        """
        return {"items": services().travel_times.all()}

    @blp.role("admin")
    @blp.arguments(ForgetQuerySchema, location="query")
    @blp.response(204)
    def delete(self, query: dict[str, Any]) -> None:
        """Forget travel times.

        They are learnt again, from people who pass from now on: of use after a camera or a door was moved.
        """
        made = services()
        made.travel_times.forget(query.get("camera_id"), made.clock.now())


@blp.route("/search", methods=["POST"])
@blp.role("operator")
@blp.arguments(SearchFilesSchema, location="files")
@blp.arguments(SearchQuerySchema, location="query")
@blp.response(200, SearchResultSchema)
@blp.alt_response(503, "SERVICE_UNAVAILABLE")
def search(files: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """Search by picture, for sightings that look like a person in it.

    A picture wider than a person is a scene: the persons in it are found first. The picture is not stored.
    """
    picture = decode_jpeg(files["picture"].read())
    if picture is None:
        raise ApiError(422, "bad_picture", "The file is not a picture that can be decoded: send JPEG or PNG.")
    persons = services().persons.persons_in(picture)
    asked = range(len(persons)) if query.get("person") is None else [query["person"]]
    if any(number >= len(persons) for number in asked):
        raise ApiError(422, "no_such_person", f"There are {len(persons)} persons in the picture, counted from 0.")
    return {"persons": persons, "items": _found(persons, asked, query)}


def _found(persons: Sequence[Detection], asked: Sequence[int], query: dict[str, Any]) -> list[dict[str, Any]]:
    where = Where(cameras=query.get("camera_id"), from_s=query.get("from_s"), to_s=query.get("to_s"))
    hits = [
        (hit, number)
        for number in asked
        if (embedding := persons[number].embedding) is not None
        for hit in services().gallery.search(embedding, query["limit"], where)
    ]
    # What was erased meanwhile is in no row, and is not told.
    sightings = services().identities.sightings_by_id([hit.key for hit, _ in hits])
    best = sorted(hits, key=lambda found: -found[0].similarity)[: query["limit"]]
    return [
        {"person": number, "similarity": round(hit.similarity, 4), "sighting": sightings[hit.key]}
        for hit, number in best
        if hit.key in sightings
    ]
