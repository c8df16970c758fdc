from __future__ import annotations

from pathlib import Path

import pytest

from capture.stream_options import HLS_READ_TIMEOUT_S, READ_TIMEOUT_S, opening


@pytest.mark.parametrize(
    ("url", "has", "has_not"),
    [
        pytest.param("rtsp://camera/1", {"rtsp_transport": "tcp", "timeout": "5000000"}, {"tls_verify"}, id="rtsp"),
        pytest.param("rtsps://camera/1", {"rtsp_transport": "tcp", "tls_verify": "1"}, {"rw_timeout"}, id="rtsps"),
        pytest.param(
            "http://camera/flv", {"rw_timeout": "5000000", "analyzeduration": "500000"}, {"timeout"}, id="http"
        ),
        pytest.param(
            "https://camera/flv", {"tls_verify": "1", "live_start_index": "-1"}, {"rtsp_transport"}, id="https"
        ),
        pytest.param("file:///a%20b.mp4", {"protocol_whitelist": "file,crypto"}, {"timeout"}, id="file"),
    ],
)
def test_options_by_scheme(url: str, has: dict[str, str], has_not: set[str]) -> None:
    options = opening(url, tls_verify=True).options
    assert has.items() <= options.items()
    assert not has_not & options.keys()


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_network_streams_cannot_lead_to_local_files(scheme: str) -> None:
    allowed = opening(f"{scheme}://camera/1", tls_verify=True).options["protocol_whitelist"].split(",")
    assert not {"file", "data", "pipe", "subfile", "concat"} & set(allowed)


def test_local_playlist_cannot_lead_to_the_network() -> None:
    allowed = opening("file:///list.m3u8", tls_verify=True).options["protocol_whitelist"].split(",")
    assert not {"http", "https", "tcp", "tls", "udp"} & set(allowed)


def test_camera_may_say_that_its_certificate_is_not_checked() -> None:
    assert opening("https://camera/1", tls_verify=False).options["tls_verify"] == "0"


def test_certificates_are_checked_against_a_bundle_that_exists() -> None:
    assert Path(opening("https://camera/1", tls_verify=True).options["ca_file"]).is_file()


def test_file_url_is_decoded() -> None:
    assert opening("file:///videos/a%20b%23.mp4", tls_verify=True).location == "/videos/a b#.mp4"


@pytest.mark.parametrize(
    ("url", "hls", "read_s"),
    [
        pytest.param("http://camera/mjpeg", False, READ_TIMEOUT_S, id="plain"),
        pytest.param("http://camera/live.m3u8?x=1", False, HLS_READ_TIMEOUT_S, id="HLS by its name"),
        pytest.param("http://camera/live", True, HLS_READ_TIMEOUT_S, id="HLS by its content"),
    ],
)
def test_hls_waits_for_whole_segments(url: str, hls: bool, read_s: float) -> None:
    assert opening(url, tls_verify=True, hls=hls).timeout[1] == read_s
