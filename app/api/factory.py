"""Wires the application together; what it does lies elsewhere."""

from __future__ import annotations

from importlib.metadata import version

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from flask_smorest import Api  # type: ignore[import-untyped]
from marshmallow import Schema, fields
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from app.api.access import access_table
from app.api.auth.gate import install_gate
from app.api.auth.routes import blp as auth
from app.api.blueprint import SECURITY_SCHEMES
from app.api.cameras.routes import blp as cameras
from app.api.clips.routes import blp as clips
from app.api.cursors import MAX_ID
from app.api.docs.routes import make_docs
from app.api.errors import answer_error
from app.api.events.routes import blp as events
from app.api.fields import MAX_CAMERA_ID, Cursor, Time
from app.api.frames.routes import blp as frames
from app.api.health.routes import blp as health
from app.api.identities.routes import blp as identities
from app.api.lifecycle import install_lifecycle
from app.api.metrics.collector import SystemCollector
from app.api.metrics.routes import blp as metrics
from app.api.models.routes import blp as models
from app.api.plates.routes import blp as plates
from app.api.playback.routes import blp as playback
from app.api.reid.routes import blp as reid
from app.api.retention.routes import blp as retention
from app.api.services import attach, make_services
from core.clock import Clock
from core.settings import Settings

OPENAPI_VERSION = "3.1.0"

MAX_BODY_BYTES = 1_000_000
RESOURCES = (
    auth,
    cameras,
    playback,
    frames,
    events,
    clips,
    retention,
    plates,
    identities,
    reid,
    models,
    health,
    metrics,
)


class ErrorSchema(Schema):
    """Every failure."""

    code = fields.String(required=True, metadata={"description": "what went wrong, for programs"})
    status = fields.Integer(required=True)
    message = fields.String(required=True, metadata={"description": "what went wrong, for people"})
    errors = fields.Dict(metadata={"description": "by place and field, where fields are wrong"})
    request_id = fields.String(required=True)


class _Api(Api):  # type: ignore[misc]
    ERROR_SCHEMA = ErrorSchema
    handle_http_exception = staticmethod(answer_error)


class _Id(IntegerConverter):
    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, min=1, max=MAX_CAMERA_ID)


class _BigId(IntegerConverter):
    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, min=1, max=MAX_ID)


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """The WSGI application. The database's schema must be there.

    Raises:
        UndeclaredRouteError: a route says not who may call it.
        UnavailableError: the folder of the frame store cannot be used.
    """
    app = Flask("app.api", static_folder=None)
    app.config.update(
        API_TITLE="camrec",
        API_VERSION=version("camrec"),
        OPENAPI_VERSION=OPENAPI_VERSION,
        API_SPEC_OPTIONS={"components": {"securitySchemes": SECURITY_SCHEMES}},
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies)  # type: ignore[method-assign]
    app.url_map.converters.update(id=_Id, bigid=_BigId)
    assert isinstance(app.json, DefaultJSONProvider)  # noqa: S101 - Flask's own, unless somebody replaced it
    app.json.sort_keys = False
    made = make_services(settings, clock)
    made.metrics.register(SystemCollector(made))
    attach(app, made)
    install_lifecycle(app)
    app.register_error_handler(Exception, answer_error)
    api = _Api(app)
    api.register_field(Time, "string", "date-time")
    api.register_field(Cursor, "string", None)
    for resource in RESOURCES:
        api.register_blueprint(resource)
    app.register_blueprint(make_docs(api))
    install_gate(app, access_table(app))
    return app
