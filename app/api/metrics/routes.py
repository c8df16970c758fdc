"""Metrics."""

from __future__ import annotations

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.api.blueprint import Blueprint
from app.api.services import services

blp = Blueprint("metrics", __name__, "/api/v1/metrics", "Figures for Prometheus")


@blp.route("")
@blp.role("viewer", metrics_token=True)
@blp.response(200, {"type": "string"}, content_type="text/plain", description="Prometheus' exposition format")
def metrics() -> Response:
    """Show the figures of the system.

    With the token of a login, or with the fixed one of CAMREC_METRICS_TOKEN.
    """
    return Response(generate_latest(services().metrics), content_type=CONTENT_TYPE_LATEST)
