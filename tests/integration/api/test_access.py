"""Who may call what: every route with every role, and tokens that end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from openapi_spec_validator import validate

from app.api.factory import create_app
from app.api.failed_logins import MAX_FAILURES
from core.settings import Settings, load_settings
from storage.database import Database
from storage.users import ROLES, UserStore
from tests.support.api_client import ApiClient, code_of, password_of

EVENT = "6f0f6a52-5d2b-5b0e-9a9c-0c3d7a1e4b77"
ROUTES = [
    ("POST", "/auth/token", "public"),
    ("POST", "/auth/stream-token", "viewer"),
    ("GET", "/cameras", "viewer"),
    ("POST", "/cameras", "operator"),
    ("PUT", "/cameras", "admin"),
    ("GET", "/cameras/status", "viewer"),
    ("GET", "/cameras/{camera_id}", "viewer"),
    ("PUT", "/cameras/{camera_id}", "operator"),
    ("PATCH", "/cameras/{camera_id}", "operator"),
    ("DELETE", "/cameras/{camera_id}", "admin"),
    ("GET", "/cameras/{camera_id}/status", "viewer"),
    ("GET", "/cameras/{camera_id}/zones", "viewer"),
    ("PUT", "/cameras/{camera_id}/zones", "operator"),
    ("GET", "/cameras/{camera_id}/snapshot", "viewer"),
    ("GET", "/cameras/{camera_id}/stream", "viewer"),
    ("GET", "/cameras/{camera_id}/frames", "viewer"),
    ("GET", "/cameras/{camera_id}/slideshow", "viewer"),
    ("GET", "/frames/{frame_id}", "viewer"),
    ("GET", "/events", "viewer"),
    ("GET", "/events/stream", "viewer"),
    ("GET", "/events/{event_id}", "viewer"),
    ("GET", "/events/{event_id}/snapshot", "viewer"),
    ("GET", "/plates", "viewer"),
    ("GET", "/plates/lists", "viewer"),
    ("POST", "/plates/lists", "operator"),
    ("GET", "/plates/lists/{list_id}", "viewer"),
    ("PATCH", "/plates/lists/{list_id}", "operator"),
    ("DELETE", "/plates/lists/{list_id}", "operator"),
    ("GET", "/plates/lists/{list_id}/entries", "viewer"),
    ("POST", "/plates/lists/{list_id}/entries", "operator"),
    ("PATCH", "/plates/lists/{list_id}/entries/{entry_id}", "operator"),
    ("DELETE", "/plates/lists/{list_id}/entries/{entry_id}", "operator"),
    ("GET", "/plates/lists/{list_id}/entries.csv", "viewer"),
    ("POST", "/plates/lists/{list_id}/entries.csv", "operator"),
    ("GET", "/identities", "operator"),
    ("GET", "/identities/sightings", "operator"),
    ("GET", "/identities/{identity_id}", "operator"),
    ("PATCH", "/identities/{identity_id}", "operator"),
    ("DELETE", "/identities/{identity_id}", "admin"),
    ("POST", "/identities/{identity_id}/merge", "operator"),
    ("POST", "/identities/{identity_id}/split", "operator"),
    ("POST", "/reid/search", "operator"),
    ("GET", "/reid/travel-times", "operator"),
    ("DELETE", "/reid/travel-times", "admin"),
    ("GET", "/clips", "viewer"),
    ("POST", "/clips", "operator"),
    ("GET", "/clips/{clip_id}", "viewer"),
    ("DELETE", "/clips/{clip_id}", "operator"),
    ("GET", "/clips/{clip_id}/download", "viewer"),
    ("GET", "/clips/{clip_id}/manifest", "viewer"),
    ("GET", "/events/{event_id}/clip", "viewer"),
    ("GET", "/events/{event_id}/clip/manifest", "viewer"),
    ("GET", "/cameras/{camera_id}/playback.m3u8", "viewer"),
    ("GET", "/cameras/{camera_id}/live.m3u8", "viewer"),
    ("GET", "/cameras/{camera_id}/live/parts.m3u8", "viewer"),
    ("GET", "/cameras/{camera_id}/live/{name}.mp4", "viewer"),
    ("GET", "/cameras/{camera_id}/timeline", "viewer"),
    ("GET", "/cameras/{camera_id}/contact-sheet", "viewer"),
    ("GET", "/segments/{segment_id}.mp4", "viewer"),
    ("GET", "/cameras/{camera_id}/retention", "viewer"),
    ("PUT", "/cameras/{camera_id}/retention", "admin"),
    ("GET", "/keep-locks", "viewer"),
    ("POST", "/keep-locks", "operator"),
    ("GET", "/keep-locks/{lock_id}", "viewer"),
    ("DELETE", "/keep-locks/{lock_id}", "operator"),
    ("GET", "/models", "viewer"),
    ("GET", "/health", "public"),
    ("GET", "/metrics", "viewer"),
]
MEDIA = {
    "/cameras/{camera_id}/snapshot",
    "/cameras/{camera_id}/stream",
    "/cameras/{camera_id}/slideshow",
    "/frames/{frame_id}",
    "/events/stream",
    "/events/{event_id}/snapshot",
    "/events/{event_id}/clip",
    "/events/{event_id}/clip/manifest",
    "/clips/{clip_id}/download",
    "/clips/{clip_id}/manifest",
    "/cameras/{camera_id}/playback.m3u8",
    "/cameras/{camera_id}/live.m3u8",
    "/cameras/{camera_id}/contact-sheet",
    "/segments/{segment_id}.mp4",
}
RANK = {"public": 0, "anonymous": 0, "viewer": 1, "operator": 2, "admin": 3}


def path_of(template: str) -> str:
    return template.format(
        list_id=999,
        entry_id=999,
        camera_id=999,
        frame_id=999,
        event_id=EVENT,
        clip_id=EVENT,
        segment_id=999,
        name="20261124-093338-123",
        identity_id=EVENT,
        lock_id=EVENT,
    )


@pytest.mark.parametrize("role", ["anonymous", *ROLES])
def test_every_route_lets_in_whom_it_declares(app: Flask, login: Callable[[str], ApiClient], role: str) -> None:
    """Refusals come before validation, so that an empty body is enough; whoever is let in gets anything else."""
    client = ApiClient(app) if role == "anonymous" else login(role)
    for method, template, needed in ROUTES:
        answer = client.call(method, path_of(template), b"{}" if method != "GET" else None)
        answer.close()
        if RANK[role] >= RANK[needed]:
            assert answer.status_code not in {401, 403}, (method, template, answer.status_code)
        else:
            assert answer.status_code == (401 if role == "anonymous" else 403), (method, template, answer.status_code)


def test_the_table_above_is_complete_and_documented(anonymous: ApiClient) -> None:
    document = anonymous.app.test_client().get("/openapi.json").get_json()
    documented = [
        (method.upper(), path.removeprefix("/api/v1"), operation["x-role"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    ]
    assert sorted(documented) == sorted(ROUTES)


def test_the_document_is_valid_and_says_what_is_enforced(anonymous: ApiClient) -> None:
    document = anonymous.app.test_client().get("/openapi.json").get_json()
    validate(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            schemes = [name for requirement in operation["security"] for name in requirement]
            if operation["x-role"] == "public":
                assert schemes == []
                continue
            assert {"401", "403"} <= set(operation["responses"]), (method, path)
            assert schemes == (["bearer", "access"] if path.removeprefix("/api/v1") in MEDIA else ["bearer"])


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer x", "Basic dmlld2VyOng=", "Bearer a.b.c", "bearer \x7f"],
)
def test_other_headers_let_nobody_in(anonymous: ApiClient, header: str) -> None:
    answer = anonymous.get("/cameras", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_wrong_passwords_and_unknown_names_look_alike(anonymous: ApiClient) -> None:
    wrong = anonymous.post("/auth/token", {"username": "viewer", "password": "not this one"})
    unknown = anonymous.post("/auth/token", {"username": "nobody", "password": "not this one"})
    assert code_of(wrong) == code_of(unknown) == (401, "wrong_credentials")
    assert wrong.get_json()["message"] == unknown.get_json()["message"]


def test_guessing_is_stopped(anonymous: ApiClient) -> None:
    for _ in range(MAX_FAILURES):
        assert anonymous.post("/auth/token", {"username": "viewer", "password": "a guess"}).status_code == 401
    right = {"username": "viewer", "password": password_of("viewer")}
    answer = anonymous.post("/auth/token", right)
    assert code_of(answer) == (429, "too_many_failed_logins")
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    other_user = {"username": "operator", "password": password_of("operator")}
    assert anonymous.post("/auth/token", other_user).status_code == 200
    assert anonymous.post("/auth/token", right, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 200


@pytest.mark.parametrize(
    ("proxies", "others_status"),
    [pytest.param(0, 429, id="no proxy: anybody may write the header"), pytest.param(1, 200, id="behind one")],
)
def test_clients_of_a_trusted_proxy_are_told_apart(
    settings: Settings, database: Database, proxies: int, others_status: int
) -> None:
    client = ApiClient(create_app(settings.model_copy(update={"proxies": proxies})))

    def log_in(password: str, forwarded_for: str) -> int:
        body = {"username": "viewer", "password": password}
        return client.post("/auth/token", body, headers={"X-Forwarded-For": forwarded_for}).status_code

    for i in range(MAX_FAILURES):  # what the client itself wrote stands before what the proxy adds
        assert log_in("a guess", f"192.0.2.{i}, 203.0.113.1") == 401
    assert log_in(password_of("viewer"), "203.0.113.1") == 429
    assert log_in(password_of("viewer"), "203.0.113.2") == others_status


def test_a_removed_user_is_out_at_once(viewer: ApiClient, database: Database) -> None:
    assert viewer.get("/cameras").status_code == 200
    users = UserStore(database)
    users.remove("viewer")
    assert code_of(viewer.get("/cameras")) == (401, "invalid_token")
    users.add("viewer", password_of("viewer"), "viewer")
    assert code_of(viewer.get("/cameras")) == (401, "invalid_token"), "the token was another person's"


def test_a_new_password_ends_logins(viewer: ApiClient, database: Database) -> None:
    UserStore(database).set_password("viewer", "another password")
    assert code_of(viewer.get("/cameras")) == (401, "invalid_token")


def test_a_url_token_opens_media_by_get_alone(viewer: ApiClient, anonymous: ApiClient) -> None:
    access = viewer.post("/auth/stream-token").get_json()["access"]
    for method, template, _role in ROUTES:
        answer = anonymous.call(method, f"{path_of(template)}?access={access}", b"{}" if method != "GET" else None)
        answer.close()
        if template in MEDIA and method == "GET":
            assert answer.status_code in {200, 404, 422}, (template, answer.status_code)
        elif _role != "public":
            assert answer.status_code == 401, (method, template)


def test_a_login_token_is_no_url_token_and_no_url_token_a_login(viewer: ApiClient, anonymous: ApiClient) -> None:
    login_token = viewer.headers["Authorization"].removeprefix("Bearer ")
    assert anonymous.get(f"/cameras/1/snapshot?access={login_token}").status_code == 401
    access = viewer.post("/auth/stream-token").get_json()["access"]
    assert anonymous.get("/cameras", headers={"Authorization": f"Bearer {access}"}).status_code == 401


def test_metrics_have_a_token_of_their_own(settings: Settings, database: Database, tmp_path: Path) -> None:
    from app.api.factory import create_app

    environ = {
        "CAMREC_DATA": str(settings.data),
        "CAMREC_METRICS_TOKEN": "scrape-me",
        "CAMREC_FRAME_DIR": str(tmp_path),
    }
    client = ApiClient(create_app(load_settings(environ, env_file=tmp_path / "no.env")))
    client.headers["Authorization"] = "Bearer scrape-me"
    assert client.get("/metrics").status_code == 200
    assert client.get("/cameras").status_code == 401
    client.headers["Authorization"] = "Bearer scrape-mé"
    assert client.get("/metrics").status_code == 401
