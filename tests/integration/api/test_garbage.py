"""Whatever comes in: never a 5xx, nothing stored, one shape of refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from app.api.cameras.routes import MAX_LIST_BYTES
from app.api.factory import MAX_BODY_BYTES
from tests.support.api_client import ApiClient, code_of

URL = "rtsp://192.0.2.1/"
GOOD = {"name": "gate", "url": URL}
PLATES = {"kind": "plates"}

BAD_CAMERAS: dict[str, Any] = {
    "null": None,
    "a list": [GOOD],
    "a number": 7,
    "empty": {},
    "no url": {"name": "x"},
    "no name": {"url": URL},
    "empty name": {**GOOD, "name": "  "},
    "long name": {**GOOD, "name": "x" * 129},
    "NUL in the name": {**GOOD, "name": "a\0b"},
    "newline in the name": {**GOOD, "name": "a\nb"},
    "number as name": {**GOOD, "name": 5},
    "unknown field": {**GOOD, "colour": "red"},
    "file URL": {**GOOD, "url": "file:"},
    "strange scheme": {**GOOD, "url": "gopher://h/"},
    "no scheme": {**GOOD, "url": "192.0.2.1"},
    "no host": {**GOOD, "url": "rtsp:///x"},
    "bad port": {**GOOD, "url": "rtsp://h:99999/"},
    "bad IPv6": {**GOOD, "url": "rtsp://[::1/"},
    "NUL in the URL": {**GOOD, "url": "rtsp://h/\0"},
    "long URL": {**GOOD, "url": "rtsp://h/" + "x" * 2048},
    "null URL": {**GOOD, "url": None},
    "bad detect_url": {**GOOD, "detect_url": "ftp://h/"},
    "empty detect_url": {**GOOD, "detect_url": ""},
    "text for a truth value": {**GOOD, "enabled": "yes"},
    "id 0": {**GOOD, "id": 0},
    "negative id": {**GOOD, "id": -1},
    "id beyond 32 bits": {**GOOD, "id": 2**31},
    "id beyond 64 bits": {**GOOD, "id": 2**70},
    "fractional id": {**GOOD, "id": 1.5},
    "true as id": {**GOOD, "id": True},
    "negative keep_fps": {**GOOD, "keep_fps": -1},
    "huge keep_fps": {**GOOD, "keep_fps": 10**400},
    "text keep_fps": {**GOOD, "keep_fps": "1"},
    "true as keep_fps": {**GOOD, "keep_fps": True},
    "recognitions no list": {**GOOD, "recognitions": "plates"},
    "recognition no object": {**GOOD, "recognitions": ["plates"]},
    "unknown recognition": {**GOOD, "recognitions": [{"kind": "nonsense"}]},
    "recognition without kind": {**GOOD, "recognitions": [{"fps": 1}]},
    "kind a list": {**GOOD, "recognitions": [{"kind": ["plates"]}]},
    "twice the same": {**GOOD, "recognitions": [PLATES, PLATES]},
    "fps 0": {**GOOD, "recognitions": [{**PLATES, "fps": 0}]},
    "fps beyond the most": {**GOOD, "recognitions": [{**PLATES, "fps": 31}]},
    "fps null": {**GOOD, "recognitions": [{**PLATES, "fps": None}]},
    "unknown setting": {**GOOD, "recognitions": [{**PLATES, "settings": {"nonsense": 1}}]},
    "settings no object": {**GOOD, "recognitions": [{**PLATES, "settings": [1]}]},
    "settings with NUL": {**GOOD, "recognitions": [{**PLATES, "settings": {"a\0": "\0"}}]},
    "settings of wrong kind": {**GOOD, "recognitions": [{**PLATES, "settings": {"min_score": {"deep": [1]}}}]},
}

BAD_BODIES: dict[str, tuple[bytes, int, str]] = {
    "torn": (b"{", 400, "bad_json"),
    "nothing": (b"", 400, "bad_json"),
    "not UTF-8": (b'{"name": "\xff"}', 400, "bad_json"),
    "NaN": (b'{"name": "x", "url": "rtsp://h/", "keep_fps": NaN}', 400, "bad_json"),
    "Infinity": (b'{"keep_fps": -Infinity}', 400, "bad_json"),
    "number of 5000 digits": (b'{"id": ' + b"9" * 5000 + b"}", 400, "bad_json"),
    "nested deep": (b"[" * 100_000, 400, "bad_json"),
    "half a surrogate": (b'{"name": "\\ud800", "url": "rtsp://h/"}', 400, "bad_json"),
    "1e999": (b'{"name": "x", "url": "rtsp://h/", "keep_fps": 1e999}', 422, "invalid"),
    "too long": (json.dumps({"name": "x" * MAX_BODY_BYTES}).encode(), 413, "too_large"),
}


@pytest.fixture
def nothing_stored(operator: ApiClient) -> Any:
    yield
    assert operator.get("/cameras").get_json()["items"] == []


@pytest.mark.usefixtures("nothing_stored")
def test_bad_cameras_are_refused(operator: ApiClient, admin: ApiClient) -> None:
    for name, body in BAD_CAMERAS.items():
        data = json.dumps(body).encode()
        status, code = code_of(operator.post("/cameras", data))
        assert status == 422, (name, status, code)
        status, code = code_of(admin.put("/cameras", json.dumps([body]).encode()))
        assert status == 422, (name, status, code)


def test_bad_changes_are_refused(operator: ApiClient) -> None:
    before = operator.post("/cameras", GOOD).get_json()
    harmless = {"null", "empty", "no url", "no name"}
    for name, body in BAD_CAMERAS.items():
        path, data = f"/cameras/{before['id']}", json.dumps(body).encode()
        assert code_of(operator.put(path, data))[0] == 422, name
        if name not in harmless:
            assert code_of(operator.patch(path, data))[0] == 422, name
    assert operator.get("/cameras").get_json()["items"] == [before]


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("name", BAD_BODIES)
def test_bad_bodies_are_refused(operator: ApiClient, name: str) -> None:
    body, status, code = BAD_BODIES[name]
    assert code_of(operator.post("/cameras", body)) == (status, code)


def test_only_the_whole_list_may_be_long(admin: ApiClient) -> None:
    # Long but wrong, so that nothing is stored: it is read, and refused for what is in it.
    body = json.dumps([{"name": "x" * MAX_BODY_BYTES}]).encode()
    assert code_of(admin.put("/cameras", body)) == (422, "invalid")
    assert code_of(admin.put("/cameras", b"[" + b" " * MAX_LIST_BYTES)) == (413, "too_large")


def test_other_types_than_json_are_refused(operator: ApiClient) -> None:
    for options in ({"data": GOOD}, {"data": b"{}", "content_type": "text/plain"}, {}):
        assert code_of(operator.call("POST", "/cameras", **options)) == (415, "unsupported_media_type")


BAD_QUERIES = [
    ("/events", "limit", ["0", "501", "-1", "x", "1.5", "9" * 30, "", "\0"]),
    ("/events", "camera_id", ["0", "-1", "x", str(2**31), "9" * 30, "1.5", "true"]),
    ("/events", "kind", ["nonsense", "", "\0"]),
    ("/events", "recognition", ["nonsense", "PLATES"]),
    ("/events", "from", ["yesterday", "2026-11-24T05:45:43", "nan", "-1", "1e99", "", "9" * 400]),
    ("/events", "to", ["inf", "2026-13-45T00:00:00Z"]),
    ("/events", "text", ["", "x" * 65, "a\0b"]),
    ("/events", "cursor", ["", "x", "AAAA", "WzEsMl0"]),
    ("/events", "nonsense", ["1"]),
    ("/events/stream", "after", ["x"]),
    ("/events/stream", "limit", ["1"]),
    ("/cameras", "limit", ["0", "1001"]),
    ("/cameras", "cursor", ["x", "WzEuNV0", "Wy0xXQ"]),
    ("/cameras", "name", ["", "\0", "x" * 129]),
    ("/cameras/1/snapshot", "width", ["0", "15", "-5", "x", "999999"]),
    ("/cameras/1/snapshot", "zones", ["perhaps"]),
    ("/cameras/1/stream", "fps", ["0", "31", "nan", "x"]),
    ("/cameras/1/frames", "limit", ["0"]),
    ("/cameras/1/frames", "cursor", ["WzEuNSwgImEiXQ"]),
    ("/cameras/1/slideshow", "at", ["", "noon"]),
    ("/cameras/1/slideshow", "seconds", ["0", "3601", "nan"]),
    ("/frames/1", "width", ["1"]),
]


@pytest.mark.parametrize(
    ("path", "name", "value"), [(path, name, value) for path, name, values in BAD_QUERIES for value in values]
)
def test_bad_queries_name_the_parameter(shared_viewer: ApiClient, path: str, name: str, value: str) -> None:
    answer = shared_viewer.get(path, query_string={name: value})
    assert code_of(answer) == (422, "invalid")
    assert name in answer.get_json()["errors"]["query"]


def test_a_period_that_ends_before_it_begins(shared_viewer: ApiClient) -> None:
    assert code_of(shared_viewer.get("/events?from=2000&to=1000")) == (422, "invalid")


@pytest.mark.parametrize(
    "path",
    [
        "/cameras/0", "/cameras/-1", "/cameras/2147483648", "/cameras/99999999999999999999999", "/cameras/x",
        "/cameras/1/", "/cameras/%00", "/cameras/1e3", "/frames/0", "/frames/9223372036854775808",
        "/frames/9223372036854775807", "/events/x", "/events/00000000-0000-0000-0000-000000000000",
        "/events/%00/snapshot", "/nothing", "/../../etc/passwd", "/cameras/%2e%2e/%2e%2e/",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(shared_viewer: ApiClient, path: str) -> None:
    assert code_of(shared_viewer.get(path))[0] == 404


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/cameras"), ("POST", "/events"), ("TRACE", "/cameras")])
def test_wrong_methods_name_the_right_ones(shared_viewer: ApiClient, method: str, path: str) -> None:
    answer = shared_viewer.call(method, path)
    assert code_of(answer) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_outside_the_api_errors_have_the_same_shape(shared_viewer: ApiClient) -> None:
    answer = shared_viewer.app.test_client().get("/favicon.ico")
    assert code_of(answer) == (404, "not_found")


def test_no_credentials_come_back_in_a_refusal(operator: ApiClient) -> None:
    for body in (
        {**GOOD, "url": "ftp://user:s3cretW0rd@h/"},
        {**GOOD, "rtsp://user:s3cretW0rd@h/": 1},
        {**GOOD, "detect_url": "rtsp://user:s3cretW0rd@h:99999/"},
        {**GOOD, "recognitions": [{"kind": "rtsp://user:s3cretW0rd@h/"}]},
    ):
        answer = operator.post("/cameras", body)
        assert answer.status_code == 422
        assert "s3cretW0rd" not in answer.text


@pytest.mark.parametrize("given_id", ["", "a b", "x" * 65, "ü", "a\tb"])
def test_strange_request_ids_are_replaced(shared_viewer: ApiClient, given_id: str) -> None:
    assert shared_viewer.get("/models", headers={"X-Request-ID": given_id}).headers["X-Request-ID"] != given_id
    assert shared_viewer.get("/models", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@trials(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["id", "detect_url", "enabled", "tls_verify", "keep_fps", "recognitions", "other"]), json_values
    )
)
def test_no_json_breaks_the_api(operator: ApiClient, fields: dict[str, Any]) -> None:
    body = json.dumps({**GOOD, **fields}).encode()
    assert operator.post("/cameras", body).status_code in {201, 400, 409, 422}
