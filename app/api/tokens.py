"""Signed tokens: who logged in, and until when that holds."""

from __future__ import annotations

from dataclasses import dataclass

import jwt

from core.clock import Clock
from storage.users import User

ALGORITHM = "HS256"
EXPIRED = "expired_token"


class BadTokenError(Exception):
    """A token that is not ours, or no longer good. ``code`` says which."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says of its bearer; what he may do stands in the database alone."""

    name: str
    token_version: int


class TokenSigner:
    """Issues and reads JSON Web Tokens (RFC 7519) of one purpose, which its key stands for."""

    def __init__(self, key: bytes, lifetime_s: float, clock: Clock) -> None:
        self._key = key
        self.lifetime_s = lifetime_s
        self._clock = clock

    def issue(self, user: User) -> str:
        """A token for that user, good for ``lifetime_s``."""
        now = self._clock.now()
        claims = {"sub": user.name, "ver": user.token_version, "iat": int(now), "exp": int(now + self.lifetime_s)}
        return jwt.encode(claims, self._key, ALGORITHM)

    def has_signed(self, token: str) -> bool:
        """Whether a token is of this purpose, however old."""
        try:
            self.read(token)
        except BadTokenError as error:
            return error.code == EXPIRED
        return True

    def read(self, token: str) -> Claims:
        """The claims of a token.

        Raises:
            BadTokenError: it is not signed with our key, incomplete, or expired.
        """
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                # The time is checked below, by our clock.
                options={"require": ["sub", "ver", "iat", "exp"], "verify_exp": False, "verify_iat": False},
            )
            name, version, expires_at = str(claims["sub"]), int(claims["ver"]), float(claims["exp"])
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise BadTokenError("invalid_token", "This token is not one of ours.") from None
        if self._clock.now() >= expires_at:
            raise BadTokenError(EXPIRED, "This token has expired: log in again.")
        return Claims(name, version)
