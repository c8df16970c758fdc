"""Every failure as one JSON shape: ``{code, status, message, errors?, request_id}``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import redis
from flask import Response, g, jsonify
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from core.camera_url import BadUrlError
from core.errors import BadSettingError, CamrecError, UnavailableError
from core.redact import redact
from inference.catalogue import MissingModelError, UnfitModelError, UnknownModelError
from inference.roles import UnknownRoleError
from storage.camera_rows import CredentialsMissingError
from storage.cameras import CameraExistsError, CameraNotFoundError
from storage.identities import BadSplitError, IdentityNotFoundError
from storage.plate_lists import BadPlateEntryError, PlateListExistsError, PlateListNotFoundError
from storage.retention.locks import LockedError

RETRY_AFTER_S = 2

_log = logging.getLogger(__name__)


class ApiError(CamrecError):
    """A refusal that a route itself decides on."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        errors: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.errors, self.headers = errors, dict(headers or {})


class RedisUnavailableError(UnavailableError):
    """Redis cannot be reached now."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a client is told."""

    status: int
    code: str
    message: str
    errors: Mapping[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


CAMREC_ERRORS: dict[type[CamrecError], tuple[int, str]] = {
    CameraNotFoundError: (404, "camera_not_found"),
    CameraExistsError: (409, "camera_exists"),
    LockedError: (409, "locked"),
    CredentialsMissingError: (422, "credentials_missing"),
    BadUrlError: (422, "bad_url"),
    BadSettingError: (422, "bad_setting"),
    PlateListNotFoundError: (404, "plate_list_not_found"),
    PlateListExistsError: (409, "plate_list_exists"),
    BadPlateEntryError: (422, "bad_plate_entry"),
    IdentityNotFoundError: (404, "identity_not_found"),
    BadSplitError: (422, "bad_split"),
    UnknownRoleError: (422, "unknown_role"),
    UnknownModelError: (422, "unknown_model"),
    UnfitModelError: (422, "unfit_model"),
    MissingModelError: (503, "model_missing"),
    RedisUnavailableError: (503, "redis_unavailable"),
    UnavailableError: (503, "unavailable"),
}
"""Status and code of each error that a person is meant to read; subclasses go by their nearest base."""

HTTP_ERRORS: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request is not well-formed."),
    401: ("unauthenticated", "Log in first."),
    403: ("forbidden", "Your role may not do this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: ("too_large", "The body is larger than this address takes."),
    414: ("uri_too_long", "The address is too long."),
    415: ("unsupported_media_type", "Send JSON, with Content-Type: application/json."),
    422: ("invalid", "Some fields are missing or wrong; see `errors`."),
    429: ("too_many_requests", "Too many requests."),
    500: ("internal_error", "Something went wrong here; the log has the details under this request id."),
    503: ("unavailable", "The service cannot answer now."),
}


def failure_of(error: Exception) -> Failure:
    """What the client is told of an exception; everything unknown is an internal error without detail."""
    if isinstance(error, ApiError):
        return Failure(error.status, error.code, str(error), error.errors, error.headers)
    if isinstance(error, redis.RedisError):
        return _unavailable("redis_unavailable", "Redis cannot be reached now.")
    if _is_database_outage(error):
        return _unavailable("database_unavailable", "The database cannot be used now.")
    if isinstance(error, CamrecError):
        return _camrec_failure(error)
    if isinstance(error, HTTPException):
        return _http_failure(error)
    return Failure(500, *HTTP_ERRORS[500])


def answer_error(error: Exception) -> Response:
    """The answer to a request that failed; registered for every exception."""
    failure = failure_of(error)
    if failure.status == 500:
        _log.error("A request failed", exc_info=error)
    elif failure.status >= 503:
        _log.warning("Answered %s: %s", failure.code, redact(str(error)))
    body: dict[str, Any] = {
        "code": failure.code,
        "status": failure.status,
        "message": redact(failure.message),
        "request_id": g.get("request_id", ""),
    }
    if failure.errors is not None:
        body["errors"] = _redacted(failure.errors)
    response = jsonify(body)
    response.status_code = failure.status
    response.headers.update(failure.headers)
    return response


def _unavailable(code: str, message: str) -> Failure:
    return Failure(503, code, message, headers={"Retry-After": str(RETRY_AFTER_S)})


def _is_database_outage(error: Exception) -> bool:
    if isinstance(error, UnavailableError):
        return isinstance(error.__cause__, SQLAlchemyError)
    return isinstance(error, OperationalError | InterfaceError | PoolTimeoutError)


def _camrec_failure(error: CamrecError) -> Failure:
    for kind in type(error).__mro__:
        if kind in CAMREC_ERRORS:
            status, code = CAMREC_ERRORS[kind]
            return _unavailable(code, str(error)) if status == 503 else Failure(status, code, str(error))
    return Failure(500, *HTTP_ERRORS[500])


def _http_failure(error: HTTPException) -> Failure:
    status = error.code or 500
    code, message = HTTP_ERRORS.get(status, ("error", error.name))
    data: dict[str, Any] = getattr(error, "data", None) or {}  # webargs' way to hand field errors on
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return Failure(status, code, message, data.get("messages"), headers)


def _redacted(value: Any) -> Any:
    """Validation messages name keys that the client sent: whatever stands there, no secret goes back."""
    if isinstance(value, Mapping):
        return {redact(str(k)): _redacted(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(v) for v in value]
    return redact(value) if isinstance(value, str) else value
