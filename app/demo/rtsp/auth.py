"""HTTP authentication as RTSP uses it: Basic (RFC 7617) and Digest with MD5 (RFC 2617, which RFC 7616 still allows)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Literal

Scheme = Literal["basic", "digest"]

REALM = "camrec"

_PARAMETER = re.compile(r'(?P<name>\w+)=(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s,]+))')


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may play, and how they prove it."""

    user: str
    password: str
    scheme: Scheme

    def challenge(self, nonce: str) -> str:
        """Value of ``WWW-Authenticate``."""
        if self.scheme == "basic":
            return f'Basic realm="{REALM}"'
        return f'Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth"'

    def admits(self, authorization: str, method: str, uri: str, nonce: str) -> bool:
        """Whether the value of an ``Authorization`` header is right for this request."""
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != self.scheme:
            return False
        if self.scheme == "basic":
            right = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return hmac.compare_digest(credentials.strip().encode(), right.encode())
        given = {m["name"].lower(): m["quoted"] or m["plain"] or "" for m in _PARAMETER.finditer(credentials)}
        if (given.get("username"), given.get("nonce"), given.get("uri")) != (self.user, nonce, uri):
            return False
        right = digest_response(
            user=self.user,
            realm=REALM,
            password=self.password,
            method=method,
            uri=uri,
            nonce=nonce,
            qop=given.get("qop", ""),
            nc=given.get("nc", ""),
            cnonce=given.get("cnonce", ""),
        )
        return hmac.compare_digest(given.get("response", "").encode(), right.encode())


def digest_response(
    *,
    user: str,
    realm: str,
    password: str,
    method: str,
    uri: str,
    nonce: str,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
) -> str:
    """The ``response`` of a digest (RFC 2617, section 3.2.2); without ``qop`` as in RFC 2069, which old clients use."""
    secret = _md5(f"{user}:{realm}:{password}")
    request = _md5(f"{method}:{uri}")
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return _md5(f"{secret}:{middle}:{request}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
