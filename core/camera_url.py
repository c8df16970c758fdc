"""What may be a camera's URL."""

from __future__ import annotations

from urllib.parse import urlsplit

from core.errors import CamrecError

NETWORK_SCHEMES = ("rtsp", "rtsps", "http", "https")
FILE_SCHEME = "file"

_NO_URL = (
    "A camera URL is rtsp://HOST:PORT/PATH or the like, with USER:PASSWORD@ before the host where it needs them; "
    "write / ? # @ in a user name or password as %2F %3F %23 %40."
)


class BadUrlError(CamrecError):
    """A camera's URL cannot be used."""


def check_camera_url(url: str, *, allow_files: bool) -> str:
    """The URL, trimmed, when it is one that capture opens.

    Raises:
        BadUrlError: wrong scheme, no host, or a local file where files are not allowed.
    """
    url = url.strip()
    if any(c.isspace() or ord(c) < 32 for c in url) and not url.startswith("file:"):
        raise BadUrlError("A camera URL has no spaces or control characters in it; write a space as %20.")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise BadUrlError(_NO_URL) from None  # the error quotes what stands where the port should, maybe a password
    if parts.scheme == FILE_SCHEME:
        if not allow_files:
            raise BadUrlError("Local files are cameras only where CAMREC_ALLOW_FILES=true is set.")
        if not parts.path:
            raise BadUrlError("A file URL has a path: file:///folder/video.mp4.")
        return url
    if parts.scheme not in NETWORK_SCHEMES:
        # What stands before the colon of USER:PASSWORD@HOST is no scheme.
        scheme = repr(parts.scheme) if "://" in url else "none"
        schemes = ", ".join(f"{s}://" for s in NETWORK_SCHEMES)
        raise BadUrlError(f"A camera URL starts with one of {schemes}; got {scheme}.")
    before_at = f"{parts.query}#{parts.fragment}".rpartition("@")[0]
    if before_at and "=" not in before_at:
        raise BadUrlError(_NO_URL)
    if not host:
        raise BadUrlError(f"A camera URL names a host: {parts.scheme}://HOST/PATH.")
    return url
