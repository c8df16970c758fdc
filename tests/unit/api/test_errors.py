from __future__ import annotations

import pytest
import redis
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import BadRequest, MethodNotAllowed, NotFound, RequestEntityTooLarge

from app.api.errors import CAMREC_ERRORS, HTTP_ERRORS, ApiError, RedisUnavailableError, failure_of
from core.camera_url import BadUrlError
from core.errors import BadSettingError, CamrecError, UnavailableError
from storage.camera_rows import CredentialsMissingError
from storage.cameras import CameraExistsError, CameraNotFoundError


def database_gone() -> UnavailableError:
    error = UnavailableError("The database cannot be used now")
    error.__cause__ = OperationalError("SELECT", {}, Exception("locked"))
    return error


class NewNotFoundError(CameraNotFoundError):
    """A subclass that the table does not name."""


class StrangeError(CamrecError):
    """Meant for a person at a command line, not for a client."""


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (CameraNotFoundError("no"), 404, "camera_not_found"),
        (NewNotFoundError("no"), 404, "camera_not_found"),
        (CameraExistsError("taken"), 409, "camera_exists"),
        (CredentialsMissingError("hidden"), 422, "credentials_missing"),
        (BadUrlError("bad"), 422, "bad_url"),
        (BadSettingError("bad"), 422, "bad_setting"),
        (database_gone(), 503, "database_unavailable"),
        (OperationalError("SELECT", {}, Exception("gone")), 503, "database_unavailable"),
        (PoolTimeoutError(), 503, "database_unavailable"),
        (RedisUnavailableError("none"), 503, "redis_unavailable"),
        (redis.ConnectionError("gone"), 503, "redis_unavailable"),
        (redis.TimeoutError("slow"), 503, "redis_unavailable"),
        (UnavailableError("the frame store"), 503, "unavailable"),
        (ApiError(418, "teapot", "no coffee"), 418, "teapot"),
        (BadRequest(), 400, "bad_request"),
        (NotFound(), 404, "not_found"),
        (RequestEntityTooLarge(), 413, "too_large"),
        (StrangeError("a secret path"), 500, "internal_error"),
        (KeyError("password"), 500, "internal_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_error_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    failure = failure_of(error)
    assert (failure.status, failure.code) == (status, code)
    assert failure.message


@pytest.mark.parametrize("error", [KeyError("s3cret"), StrangeError("s3cret"), ZeroDivisionError("s3cret")])
def test_internal_errors_tell_no_detail(error: Exception) -> None:
    assert "s3cret" not in repr(failure_of(error))


def test_outages_say_when_to_come_back() -> None:
    assert int(failure_of(database_gone()).headers["Retry-After"]) > 0


def test_a_wrong_method_names_the_right_ones() -> None:
    assert failure_of(MethodNotAllowed(["POST", "GET"])).headers["Allow"] == "GET, POST"


def test_codes_are_unique_to_their_meaning() -> None:
    codes = [code for _, code in CAMREC_ERRORS.values()] + [
        code for code, _ in HTTP_ERRORS.values() if code != "unavailable"
    ]
    assert len(codes) == len(set(codes))
