"""How FFmpeg is to open a camera's URL."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 3.0
"""Half of the wanted detection time of a stall: at the first time-out FFmpeg's H.264 parser still hands out the packet
that it held back, and only the next read fails."""
HLS_READ_TIMEOUT_S = 15.0
"""Segments of live HLS come every few seconds only."""
SOCKET_TIMEOUT_S = 5.0

_PROTOCOLS = {
    "rtsp": "rtp,tcp,udp",
    "rtsps": "rtp,tcp,udp,tls",
    "http": "http,https,tcp,tls,crypto",
    "https": "https,tcp,tls,crypto",
    "file": "file,crypto",
}
"""Protocols that a stream may lead on to: a camera's playlist must not open local files, nor one on disk the net."""

_CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@dataclass(frozen=True, slots=True)
class Opening:
    """Arguments of `av.open`."""

    location: str
    options: dict[str, str]
    timeout: tuple[float, float]
    """Limits in seconds for opening and for each read."""


def opening(url: str, *, tls_verify: bool, hls: bool = False) -> Opening:
    """What to give `av.open` for a camera's URL, which `core.camera_url.check_camera_url` has accepted.

    Args:
        url: rtsp, rtsps, http, https or file.
        tls_verify: whether the server's certificate must be signed by an authority that this machine trusts (or one
            of the file that the environment variable ``SSL_CERT_FILE`` names).
        hls: the stream is known to be HLS, whatever its URL looks like.
    """
    parts = urlsplit(url)
    scheme = parts.scheme
    options = {"protocol_whitelist": _PROTOCOLS[scheme]}
    if scheme in {"rtsp", "rtsps"}:
        # fpsprobesize=0: without it FFmpeg waits two seconds longer to guess a frame rate that nobody needs.
        options |= {"rtsp_transport": "tcp", "timeout": _microseconds(SOCKET_TIMEOUT_S), "fpsprobesize": "0"}
    elif scheme in {"http", "https"}:
        # analyzeduration: FLV takes five seconds to open with the default of that length.
        options |= {"rw_timeout": _microseconds(SOCKET_TIMEOUT_S), "analyzeduration": "500000"}
        options |= {"live_start_index": "-1"}  # HLS: the newest segment, not the third last
    if scheme in {"rtsps", "https"}:
        options |= _tls_options(tls_verify)
    is_hls = hls or parts.path.endswith((".m3u8", ".m3u"))
    location = unquote(parts.path) if scheme == "file" else url
    return Opening(location, options, (OPEN_TIMEOUT_S, HLS_READ_TIMEOUT_S if is_hls else READ_TIMEOUT_S))


def _microseconds(duration_s: float) -> str:
    return str(round(duration_s * 1e6))


def _tls_options(verify: bool) -> dict[str, str]:
    if not verify:
        return {"tls_verify": "0"}
    bundle = _ca_bundle()
    return {"tls_verify": "1"} | ({"ca_file": bundle} if bundle else {})


@lru_cache(maxsize=1)
def _ca_bundle() -> str | None:
    """Python's own default honours ``SSL_CERT_FILE``, but looks in one distribution's place only."""
    candidates = (ssl.get_default_verify_paths().cafile, *_CA_BUNDLES)
    return next((path for path in candidates if path and Path(path).is_file()), None)
