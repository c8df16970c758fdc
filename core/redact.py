"""The one redaction function: every log line, error and answer that may hold a URL goes through it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

HIDDEN = "***"

# Repetitions are bounded: the time for a long text, which anybody may send, must not grow with its square.
_URL_IN_TEXT = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,31}://\S+")
_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{0,31}://)(?:[^\s?#]|[?#](?=[^\s=@]{0,255}@))*@")
_SECRET_PARAMETER = re.compile(
    r"(?P<name>(?:^|[?&;,/\s])[\w.-]{0,40}(?:pass(?:word|wd|phrase)?|pwd?|psw|psk|sign(?:ature)?|token|secret|auth|api_?key|key|usr|user(?:name)?|login)"
    r"[\w.-]{0,40}=)(?P<value>[^&;#\s]+)",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Hide user names, passwords and secret query parameters of every URL in ``text``.

    >>> redact("open rtsp://admin:p%40ss@10.0.0.5/ch1?token=abc failed")
    'open rtsp://***@10.0.0.5/ch1?token=*** failed'
    """
    if "://" not in text:
        return text
    return _URL_IN_TEXT.sub(lambda found: _redact_url(found.group()), text)


def _redact_url(url: str) -> str:
    # The last "@" before the path ends the user info: people do not always percent-encode their passwords,
    # not even a "?" or "#" in them; only an "@" after a "=" is taken for that of a query parameter.
    url = _USERINFO.sub(lambda found: f"{found['scheme']}{HIDDEN}@", url, count=1)
    return _SECRET_PARAMETER.sub(lambda found: f"{found['name']}{HIDDEN}", url)


def is_redacted(url: str) -> bool:
    """Whether a client sent back a URL as it was shown to it."""
    return HIDDEN in url


def without_userinfo(url: str) -> str:
    """The URL with no user information and no secrets at all, to compare hosts and paths."""
    parts = urlsplit(_redact_url(url))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
