"""What may be a camera's URL."""

from __future__ import annotations

from urllib.parse import urlsplit

from core.errors import CamrecError
from core.redact import redact

NETWORK_SCHEMES = ("rtsp", "rtsps", "http", "https")
FILE_SCHEME = "file"


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
    except ValueError as error:
        raise BadUrlError(f"{redact(url)!r} is not a URL: {error}.") from None
    if parts.scheme == FILE_SCHEME:
        if not allow_files:
            raise BadUrlError("Local files are cameras only where CAMREC_ALLOW_FILES=true is set.")
        if not parts.path:
            raise BadUrlError("A file URL has a path: file:///folder/video.mp4.")
        return url
    if parts.scheme not in NETWORK_SCHEMES:
        schemes = ", ".join(f"{s}://" for s in NETWORK_SCHEMES)
        raise BadUrlError(f"A camera URL starts with one of {schemes}; got {parts.scheme or 'no scheme'!r}.")
    if not host:
        raise BadUrlError(f"A camera URL names a host: {parts.scheme}://HOST/PATH.")
    return url
