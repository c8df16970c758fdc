"""Identities and their sightings. Operators see them; only administrators erase."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from app.api.blueprint import Blueprint
from app.api.identities.schemas import (
    IdentityPageSchema,
    IdentityQuerySchema,
    IdentitySchema,
    MergeSchema,
    NameSchema,
    SightingPageSchema,
    SightingQuerySchema,
    SplitSchema,
)
from app.api.pages import page
from app.api.services import services
from storage.identities import Identity
from storage.media_removals import remove_files

blp = Blueprint("identities", __name__, "/api/v1/identities", "Who was seen")


@blp.route("")
@blp.role("operator")
@blp.arguments(IdentityQuerySchema, location="query")
@blp.response(200, IdentityPageSchema)
def list_identities(query: dict[str, Any]) -> dict[str, Any]:
    """List identities, those first seen last first."""
    found = services().identities.page(query.get("text"), query.get("cursor"), query["limit"] + 1)
    return page(found, query["limit"], lambda identity: (identity.created_at, identity.id))


@blp.route("/sightings")
@blp.role("operator")
@blp.arguments(SightingQuerySchema, location="query")
@blp.response(200, SightingPageSchema)
def list_sightings(query: dict[str, Any]) -> dict[str, Any]:
    """List sightings, on all cameras, newest first: with `identity` the time line of one person."""
    found = services().identities.sightings(query["wanted"], query["cursor"], query["limit"] + 1)
    return page(found, query["limit"], lambda seen: (seen.started_at, seen.id))


@blp.route("/<uuid:identity_id>")
class OneIdentity(MethodView):
    """One identity."""

    @blp.role("operator")
    @blp.response(200, IdentitySchema)
    @blp.alt_response(404, "NOT_FOUND")
    def get(self, identity_id: UUID) -> Identity:
        """Show an identity."""
        return services().identities.get(str(identity_id))

    @blp.role("operator")
    @blp.arguments(NameSchema)
    @blp.response(200, IdentitySchema)
    @blp.alt_response(404, "NOT_FOUND")
    def patch(self, fields: dict[str, Any], identity_id: UUID) -> Identity:
        """Name an identity.

        null takes its name away.
        """
        return services().identities.rename(str(identity_id), fields["name"])

    @blp.role("admin")
    @blp.response(204)
    @blp.alt_response(404, "NOT_FOUND")
    def delete(self, identity_id: UUID) -> None:
        """Erase an identity.

        Its sightings, vectors, events and their pictures go with it. Kept frames and recordings that show the person
        stay for as long as their own settings say.
        """
        made = services()
        remove_files(made.database, made.media, made.settings.node, made.identities.erase(str(identity_id)))
        made.gallery.refresh()


@blp.route("/<uuid:identity_id>/merge", methods=["POST"])
@blp.role("operator")
@blp.arguments(MergeSchema)
@blp.response(200, IdentitySchema)
@blp.alt_response(404, "NOT_FOUND")
def merge(fields: dict[str, Any], identity_id: UUID) -> Identity:
    """Merge identities, since they are one person.

    The sightings of the identities named go to this one, and the named ones are no more.
    """
    return services().identities.merge(str(identity_id), [str(other) for other in fields["identities"]])


@blp.route("/<uuid:identity_id>/split", methods=["POST"])
@blp.role("operator")
@blp.arguments(SplitSchema)
@blp.response(201, IdentitySchema)
@blp.alt_response(404, "NOT_FOUND")
def split(fields: dict[str, Any], identity_id: UUID) -> Identity:
    """Split an identity, since some of its sightings are somebody else.

    The answer is the new identity, which has the sightings named.
    """
    return services().identities.split(str(identity_id), [str(sighting) for sighting in fields["sightings"]])
