"""Plates."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask.views import MethodView

from app.api.blueprint import Blueprint
from app.api.errors import ApiError
from app.api.events.schemas import EventPageSchema
from app.api.pages import page
from app.api.plates.csv_entries import MIMETYPE, from_csv, to_csv
from app.api.plates.schemas import (
    ImportedSchema,
    ImportQuerySchema,
    PlateEntriesSchema,
    PlateEntryPatchSchema,
    PlateEntryQuerySchema,
    PlateEntrySchema,
    PlateListPatchSchema,
    PlateListSchema,
    PlateListsSchema,
    PlateQuerySchema,
)
from app.api.services import services
from core.plates import PlateList, PlateListEntry
from storage.plate_lists import Imported

MAX_CSV_BYTES = 10_000_000
"""Everything else is bounded by the application's MAX_CONTENT_LENGTH."""

_CSV = {"type": "string"}

blp = Blueprint("plates", __name__, "/api/v1/plates", "Plates that were read, and lists of plates")


def _allow_long_files() -> None:
    if request.endpoint == "plates.EntriesFile":
        request.max_content_length = MAX_CSV_BYTES


blp.before_request(_allow_long_files)


@blp.route("")
@blp.role("viewer")
@blp.arguments(PlateQuerySchema, location="query")
@blp.response(200, EventPageSchema)
def search(query: dict[str, Any]) -> dict[str, Any]:
    """Search plates that were read, newest first."""
    found = services().events.page(query["wanted"], query["cursor"], query["limit"] + 1)
    return page(found, query["limit"], lambda stored: (stored.event.started_at, stored.event.id))


@blp.route("/lists")
class Lists(MethodView):
    """The lists of plates."""

    @blp.role("viewer")
    @blp.response(200, PlateListsSchema)
    def get(self) -> dict[str, Any]:
        """List the lists of plates."""
        return {"items": services().plate_lists.all()}

    @blp.role("operator")
    @blp.arguments(PlateListSchema)
    @blp.response(201, PlateListSchema)
    @blp.alt_response(409, "CONFLICT")
    def post(self, fields: dict[str, Any]) -> tuple[PlateList, dict[str, str]]:
        """Add a list of plates.

        Every plate that is read from then on and is on the list makes an event of kind `plate_hit`.
        """
        added = services().plate_lists.add(**fields)
        return added, {"Location": f"/api/v1/plates/lists/{added.id}"}


@blp.route("/lists/<id:list_id>")
class OneList(MethodView):
    """One list of plates."""

    @blp.role("viewer")
    @blp.response(200, PlateListSchema)
    @blp.alt_response(404, "NOT_FOUND")
    def get(self, list_id: int) -> PlateList:
        """Show a list of plates."""
        return services().plate_lists.get(list_id)

    @blp.role("operator")
    @blp.arguments(PlateListPatchSchema)
    @blp.response(200, PlateListSchema)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(409, "CONFLICT")
    def patch(self, fields: dict[str, Any], list_id: int) -> PlateList:
        """Change some fields of a list of plates."""
        return services().plate_lists.change(list_id, **fields)

    @blp.role("operator")
    @blp.response(204)
    @blp.alt_response(404, "NOT_FOUND")
    def delete(self, list_id: int) -> None:
        """Remove a list of plates with its entries."""
        services().plate_lists.remove(list_id)


@blp.route("/lists/<id:list_id>/entries")
class Entries(MethodView):
    """The plates on a list."""

    @blp.role("viewer")
    @blp.arguments(PlateEntryQuerySchema, location="query")
    @blp.response(200, PlateEntriesSchema)
    @blp.alt_response(404, "NOT_FOUND")
    def get(self, query: dict[str, Any], list_id: int) -> dict[str, Any]:
        """List the plates on a list."""
        (after_id,) = query.get("cursor", (0,))
        found = services().plate_lists.entries(list_id, text=query["text"], after_id=after_id, limit=query["limit"] + 1)
        return page(found, query["limit"], lambda entry: (entry.id,))

    @blp.role("operator")
    @blp.arguments(PlateEntrySchema)
    @blp.response(201, PlateEntrySchema)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(409, "CONFLICT")
    def post(self, fields: dict[str, Any], list_id: int) -> PlateListEntry:
        """Put a plate on a list."""
        return services().plate_lists.add_entry(list_id, fields)


@blp.route("/lists/<id:list_id>/entries/<bigid:entry_id>")
class OneEntry(MethodView):
    """One plate on a list."""

    @blp.role("operator")
    @blp.arguments(PlateEntryPatchSchema)
    @blp.response(200, PlateEntrySchema)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(409, "CONFLICT")
    def patch(self, fields: dict[str, Any], list_id: int, entry_id: int) -> PlateListEntry:
        """Change some fields of a plate on a list."""
        return services().plate_lists.change_entry(list_id, entry_id, fields)

    @blp.role("operator")
    @blp.response(204)
    @blp.alt_response(404, "NOT_FOUND")
    def delete(self, list_id: int, entry_id: int) -> None:
        """Take a plate off a list."""
        services().plate_lists.remove_entry(list_id, entry_id)


@blp.route("/lists/<id:list_id>/entries.csv")
class EntriesFile(MethodView):
    """The plates on a list as a file for spreadsheets."""

    @blp.role("viewer")
    @blp.response(200, _CSV, content_type=MIMETYPE)
    @blp.alt_response(404, "NOT_FOUND")
    def get(self, list_id: int) -> Response:
        """Export the plates on a list, as CSV."""
        text = to_csv(services().plate_lists.entries(list_id))
        response = Response(text, mimetype=MIMETYPE)
        response.headers["Content-Disposition"] = f'attachment; filename="plates-{list_id}.csv"'
        return response

    @blp.role("operator")
    @blp.doc(requestBody={"required": True, "content": {MIMETYPE: {"schema": _CSV}}})
    @blp.arguments(ImportQuerySchema, location="query")
    @blp.response(200, ImportedSchema)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.alt_response(415, "UNSUPPORTED_MEDIA_TYPE")
    def post(self, query: dict[str, bool], list_id: int) -> Imported:
        """Import plates to a list, as CSV.

        The header names `plate` and any of `owner`, `note`, `valid_from`, `valid_until`. Plates that are on the list
        already get the fields of the file. All or nothing.
        """
        if request.mimetype != MIMETYPE:
            raise ApiError(415, "unsupported_media_type", f"Send CSV, with Content-Type: {MIMETYPE}.")
        return services().plate_lists.import_entries(list_id, from_csv(request.get_data()), replace=query["replace"])
