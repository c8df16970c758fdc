"""Health."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from app.api.access import PUBLIC
from app.api.blueprint import Blueprint
from app.api.fields import Schema
from app.api.health.checks import OK
from app.api.services import services

blp = Blueprint("health", __name__, "/api/v1/health", "Whether everything runs")


class HealthSchema(Schema):
    """How the system is."""

    status = fields.String(required=True, metadata={"description": "ok or degraded"})
    parts = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(),
        required=True,
        metadata={"description": "part → {status: ok, degraded or down, message?, figures}"},
    )


@blp.route("")
@blp.role(PUBLIC)
@blp.response(200, HealthSchema)
@blp.alt_response(503, schema=HealthSchema, description="The API cannot serve: its database is not there")
def health() -> tuple[dict[str, Any], int]:
    """Say whether everything runs."""
    report = services().health.report(services())
    return report, 200 if report["parts"]["database"]["status"] == OK else 503
