"""Who may play: the vectors of the RFCs, and what is refused."""

from __future__ import annotations

import base64

import pytest

from app.demo.rtsp.auth import REALM, Guard, digest_response

SECRET = "secret"
NONCE = "0123456789abcdef"
URI = "rtsp://127.0.0.1/cam0"


@pytest.mark.parametrize(
    ("password", "fields", "response"),
    [
        pytest.param(
            "Circle Of Life",
            {
                "realm": "testrealm@host.com",
                "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                "nc": "00000001",
                "cnonce": "0a4f113b",
            },
            "6629fae49393a05397450978507c4ef1",
            id="RFC 2617, section 3.5",
        ),
        pytest.param(
            "Circle of Life",
            {
                "realm": "http-auth@example.org",
                "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                "nc": "00000001",
                "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            },
            "8ca523f5e9506fed4657c9700eebdbec",
            id="RFC 7616, section 3.9.1",
        ),
    ],
)
def test_digest_vectors(password: str, fields: dict[str, str], response: str) -> None:
    got = digest_response(user="Mufasa", password=password, method="GET", uri="/dir/index.html", qop="auth", **fields)
    assert got == response


def digest_header(
    *, secret: str = SECRET, nonce: str = NONCE, uri: str = URI, method: str = "PLAY", qop: str = ""
) -> str:
    extra = {"qop": qop, "nc": "00000001", "cnonce": "abc"} if qop else {}
    response = digest_response(user="admin", realm=REALM, password=secret, method=method, uri=uri, nonce=nonce, **extra)
    header = f'Digest username="admin", realm="{REALM}", nonce="{nonce}", uri="{uri}", response="{response}"'
    return header + "".join(f", {name}={value}" for name, value in extra.items())


@pytest.mark.parametrize(
    ("header", "admitted"),
    [
        pytest.param(digest_header(), True, id="right, as in RFC 2069"),
        pytest.param(digest_header(qop="auth"), True, id="right, with qop"),
        pytest.param(digest_header(secret="guess"), False, id="wrong password"),
        pytest.param(digest_header(nonce="of another connection"), False, id="wrong nonce"),
        pytest.param(digest_header(uri="rtsp://127.0.0.1/cam1"), False, id="made for another camera"),
        pytest.param(digest_header(method="DESCRIBE"), False, id="made for another method"),
        pytest.param("Basic " + base64.b64encode(b"admin:secret").decode(), False, id="basic where digest is asked"),
        pytest.param("Digest", False, id="no fields"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_digest_admits(header: str, admitted: bool) -> None:
    assert Guard("admin", "secret", "digest").admits(header, "PLAY", URI, NONCE) is admitted


@pytest.mark.parametrize(
    ("credentials", "admitted"),
    [
        pytest.param("admin:se:cret", True, id="right, with a colon in it"),
        pytest.param("admin:secret", False, id="wrong password"),
        pytest.param("root:se:cret", False, id="wrong user"),
        pytest.param("", False, id="empty"),
    ],
)
def test_basic_admits(credentials: str, admitted: bool) -> None:
    header = "Basic " + base64.b64encode(credentials.encode()).decode()
    assert Guard("admin", "se:cret", "basic").admits(header, "PLAY", URI, NONCE) is admitted
