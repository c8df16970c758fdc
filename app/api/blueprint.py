"""Our blueprint: routes declare a role, which is enforced and documented from the same declaration."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import flask_smorest  # type: ignore[import-untyped]
import marshmallow as ma
from flask import Request, Response
from webargs.flaskparser import FlaskParser

from app.api.access import PUBLIC, Access, declare
from app.api.errors import ApiError
from storage.users import Role

F = TypeVar("F", bound=Callable[..., Any])

BEARER = "bearer"
URL_TOKEN = "access"  # noqa: S105 - the name of the query parameter, not its value
SECURITY_SCHEMES = {
    BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    URL_TOKEN: {
        "type": "apiKey",
        "in": "query",
        "name": URL_TOKEN,
        "description": "Token of POST /auth/stream-token, for <img> and EventSource, which send no headers.",
    },
}
JPEG = "image/jpeg"
BINARY = {"type": "string", "format": "binary"}


class StrictParser(FlaskParser):
    """Reads bodies and query strings; whatever no field is for is refused, and no body can make it fail."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": ma.RAISE}  # noqa: RUF012

    def _raw_load_json(self, req: Request) -> Any:
        body = req.get_data(cache=True)
        if not req.is_json:
            raise ApiError(415, "unsupported_media_type", "Send JSON, with Content-Type: application/json.")
        try:
            value = json.loads(body.decode(), parse_constant=_refuse_constant)
            if b"\\u" in body:
                json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text: nothing can store it
            return value
        except (ValueError, RecursionError):  # no JSON; no UTF-8; numbers of thousands of digits; nested too deep
            raise ApiError(400, "bad_json", "The body is not JSON that can be read.") from None

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """The query parameters without the one that the access check has used."""
        arguments = req.args.copy()
        arguments.poplist(URL_TOKEN)
        return self._makeproxy(arguments, schema)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A resource's routes. Each must declare its role with `role`, or the application does not start."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, import_name: str, url_prefix: str, description: str) -> None:
        super().__init__(name, import_name, url_prefix=url_prefix, description=description)
        self._prepare_doc_cbks += [self._prepare_access_doc, self._prepare_operation_id]

    def role(
        self,
        role: Role | None,
        *,
        url_token: bool = False,
        playback_token: bool = False,
        metrics_token: bool = False,
    ) -> Callable[[F], F]:
        """Decorator: the least role that may call this; `PUBLIC`: everybody."""
        return declare(Access(role, url_token, playback_token, metrics_token))

    def route(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Decorator: the URL of a view or of a `MethodView`."""
        decorator: Callable[[F], F] = super().route(rule, **options)
        return decorator

    def arguments(
        self, schema: type[ma.Schema] | ma.Schema, *, location: str = "json", **options: Any
    ) -> Callable[[F], F]:
        """Decorator: pass what the client sent, loaded by the schema, as the view's first argument."""
        decorator: Callable[[F], F] = super().arguments(schema, location=location, **options)
        return decorator

    def response(
        self, status_code: int, schema: type[ma.Schema] | ma.Schema | dict[str, str] | None = None, **options: Any
    ) -> Callable[[F], F]:
        """Decorator: dump what the view returns by the schema."""
        decorator: Callable[[F], F] = super().response(status_code, schema, **options)
        return decorator

    def alt_response(self, status_code: int, response: str | None = None, **options: Any) -> Callable[[F], F]:
        """Decorator: another answer that the view may give, for the documentation."""
        decorator: Callable[[F], F] = super().alt_response(status_code, response, **options)
        return decorator

    def doc(self, **fields: Any) -> Callable[[F], F]:
        """Decorator: more for the documentation, as OpenAPI has it."""
        decorator: Callable[[F], F] = super().doc(**fields)
        return decorator

    def picture(self, *, content_type: str = JPEG, description: str | None = None) -> Callable[[F], F]:
        """Decorator: the view answers with bytes of that type."""
        return self.response(200, BINARY, content_type=content_type, description=description)

    @staticmethod
    def _prepare_access_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        access: Access | None = doc_info.get("access")
        if access is None:
            return doc  # access_table, which runs after registration, names the route
        if access.role is PUBLIC:
            return {**doc, "security": [], "x-role": "public"}
        schemes = [BEARER, URL_TOKEN] if access.url_token else [BEARER]
        refusals = {"401": "UNAUTHORIZED", "403": "FORBIDDEN"}
        return {
            **doc,
            "security": [{scheme: []} for scheme in schemes],
            "x-role": access.role,
            "responses": {**doc.get("responses", {}), **refusals},
        }

    @staticmethod
    def _prepare_operation_id(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        """What generated clients call it: "List events, newest first." → ``list_events``."""
        words: str = doc_info["docstring"]["summary"].split(",")[0].lower()
        return {**doc, "operationId": re.sub(r"[^a-z0-9]+", "_", words).strip("_")}


def send_jpeg(data: bytes, **headers: str) -> Response:
    """A picture that no cache keeps; `X_Captured_At="…"` becomes the header ``X-Captured-At``."""
    response = Response(data, mimetype=JPEG)
    response.headers["Cache-Control"] = "no-store"
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response
