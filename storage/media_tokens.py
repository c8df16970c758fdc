"""Tokens by which machines of one installation let each other read their media: for one file, for two minutes."""

from __future__ import annotations

import jwt

from core.clock import Clock
from storage.secrets import Secrets

ALGORITHM = "HS256"
LIFETIME_S = 120.0
"""Also how far the clocks of two machines may be apart."""
PURPOSE = "media-between-nodes"


class BadMediaTokenError(Exception):
    """A token is not of this installation, for another address, or too old."""


class MediaTokens:
    """Issues and checks JSON Web Tokens (RFC 7519), signed with a key that all machines derive from the same."""

    def __init__(self, secrets: Secrets, clock: Clock) -> None:
        self._key = secrets.derive(PURPOSE)
        self._clock = clock

    def issue(self, address: str) -> str:
        """For the path of one URL."""
        return jwt.encode({"sub": address, "exp": int(self._clock.now() + LIFETIME_S)}, self._key, ALGORITHM)

    def check(self, token: str, address: str) -> None:
        """Pass what `issue` gave for this address.

        Raises:
            BadMediaTokenError: it is something else.
        """
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                options={"require": ["sub", "exp"], "verify_exp": False},  # by our clock, below
            )
            expires_at = float(claims["exp"])
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise BadMediaTokenError("it was not issued by a machine with the same secret.key") from None
        if claims["sub"] != address:
            raise BadMediaTokenError("it is for another file")
        if self._clock.now() >= expires_at:
            raise BadMediaTokenError("it has expired: do the clocks of the machines agree?")
