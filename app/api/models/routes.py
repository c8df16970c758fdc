"""Models."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from marshmallow import fields

from app.api.blueprint import Blueprint
from app.api.fields import ItemsSchema, Schema
from app.api.services import services
from inference.catalogue import ModelStore
from inference.manifest import ModelEntry

blp = Blueprint("models", __name__, "/api/v1/models", "What recognises")


class ModelSchema(Schema):
    """A model of the catalogue."""

    name = fields.String(required=True)
    task = fields.String(required=True)
    status = fields.String(required=True, metadata={"description": "bundled, pulled, added or missing here"})
    decoder = fields.String(required=True)
    input_shape = fields.List(
        fields.Integer(allow_none=True), metadata={"description": "batch, channels, height, width"}
    )
    labels = fields.List(fields.String())
    licence = fields.String(required=True)
    source = fields.String(required=True)
    sha256 = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    good_for = fields.String(required=True)
    default = fields.Boolean(metadata={"description": "whether it is pulled when no names are given"})


class ModelListSchema(ItemsSchema):
    """Models."""

    items = fields.List(fields.Nested(ModelSchema), required=True)


@blp.route("")
@blp.role("viewer")
@blp.response(200, ModelListSchema)
def list_models() -> dict[str, Any]:
    """List the models of the catalogue, and whether they are here."""
    store = ModelStore(services().settings.models_dir)
    return {"items": [_shown(store, entry) for entry in store.entries()]}


def _shown(store: ModelStore, entry: ModelEntry) -> dict[str, Any]:
    return {
        **asdict(entry),
        "input_shape": entry.input.shape,
        "source": entry.source,
        "status": store.status(entry.name),
    }
