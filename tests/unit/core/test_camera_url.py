from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.camera_url import BadUrlError, check_camera_url
from core.redact import redact


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("rtsp://10.0.0.5/main", id="rtsp"),
        pytest.param("rtsps://user:p%40ss@camera.lan:322/main", id="rtsps with credentials"),
        pytest.param("http://10.0.0.5/mjpg?fps=5", id="mjpeg"),
        pytest.param("https://[2001:db8::5]/live.m3u8", id="IPv6"),
        pytest.param("rtsp://10.0.0.5/main?user=a@b.org", id="at sign in a query parameter"),
        pytest.param("rtsp://user:it's@10.0.0.5/main", id="quote in the password"),
    ],
)
def test_good_urls(url: str) -> None:
    assert check_camera_url(f"  {url}\n", allow_files=False) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("", "starts with one of", id="empty"),
        pytest.param("geheim:geheim@10.0.0.5/main", "starts with one of", id="no scheme"),
        pytest.param("ftp://u:geheim@10.0.0.5/main", "'ftp'", id="scheme"),
        pytest.param("concat:rtsp://u:geheim@10.0.0.5", "starts with one of", id="FFmpeg protocol"),
        pytest.param("rtsp://u:geheim@/main", "names a host", id="no host"),
        pytest.param("rtsp://u:geheim@10.0.0.5:99999/", "HOST:PORT", id="port"),
        pytest.param("rtsp://u:gehe#im@10.0.0.5/main", "%23", id="hash in the password"),
        pytest.param("rtsp://u:12#geheim@10.0.0.5/main", "%23", id="hash after a number"),
        pytest.param("rtsp://u:12?geheim@10.0.0.5/main", "%3F", id="question mark after a number"),
        pytest.param("rtsp://u:geheim x@10.0.0.5/main", "%20", id="space"),
        pytest.param("rtsp://u:geheim\x00@10.0.0.5/main", "control", id="control character"),
        pytest.param("rtsp://[::1/geheim", "HOST:PORT", id="bracket"),
        pytest.param("file:///etc/passwd", "CAMREC_ALLOW_FILES", id="file"),
    ],
)
def test_bad_urls_are_refused_without_showing_them(url: str, message: str) -> None:
    with pytest.raises(BadUrlError, match=message) as caught:
        check_camera_url(url, allow_files=False)
    assert "geheim" not in str(caught.value)
    assert "gehe" not in str(caught.value)


def test_files_where_allowed() -> None:
    assert check_camera_url("file:///videos/a b.mp4", allow_files=True) == "file:///videos/a b.mp4"
    with pytest.raises(BadUrlError, match="path"):
        check_camera_url("file://", allow_files=True)


@given(password=st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="="), min_size=1))
def test_no_password_is_shown_however_it_is_written(password: str) -> None:
    marked = f"geheim{password}geheim"
    assert "geheim" not in redact(f"cannot open 'rtsp://admin:{marked}@10.0.0.5/main' now")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://a:b@h/x", "rtsp://***@h/x"),
        ("rtsp://a:b/c?d#e@h/x", "rtsp://***@h/x"),
        ("rtsp://a:\"<'>@h/x", "rtsp://***@h/x"),
        ("'rtsp://a:b@h/x', then <http://c@k/>", "'rtsp://***@h/x', then <http://***@k/>"),
        ("http://h/x?user=a&password=b&fps=5", "http://h/x?user=***&password=***&fps=5"),
        ("http://h/x?fps=5 from a@b", "http://h/x?fps=5 from a@b"),
        ("no URL: a:b@h", "no URL: a:b@h"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text", ["rtsp://" + "?" * 10**5 + "@", "a" * 10**5 + " ://", "rtsp://h/?" + "password" * 10**4]
)
def test_long_texts_take_no_long_time(text: str) -> None:
    redact(text)
