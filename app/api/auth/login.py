"""Passwords to tokens, and tokens back to users."""

from __future__ import annotations

import math
import secrets as random
import threading

from app.api.access import Access, allows
from app.api.errors import ApiError
from app.api.failed_logins import FailedLogins
from app.api.tokens import BadTokenError, TokenSigner
from core.clock import Clock
from core.settings import Settings
from storage.secrets import Secrets
from storage.users import User, UserStore

URL_TOKEN_LIFETIME_S = 60.0
"""Time to start a stream in; once started it goes on."""

PLAYBACK_TOKEN_LIFETIME_S = 12 * 3600.0
"""Time to watch a playlist to its end in; it opens segments of recordings alone."""

HASHES_AT_ONCE = 2
"""Argon2 takes 64 MiB and a core each time: strangers must not fill the memory with it."""


class Authenticator:
    """Knows users by their password or their token."""

    def __init__(self, users: UserStore, secrets: Secrets, settings: Settings, clock: Clock) -> None:
        self._users = users
        self._metrics_token = settings.metrics_token
        self._failed = FailedLogins(clock)
        self._hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)
        self.access_tokens = TokenSigner(secrets.derive("access-tokens"), settings.token_hours * 3600, clock)
        self.playback_tokens = TokenSigner(secrets.derive("playback-tokens"), PLAYBACK_TOKEN_LIFETIME_S, clock)
        self.url_tokens = TokenSigner(secrets.derive("url-tokens"), URL_TOKEN_LIFETIME_S, clock)

    def log_in(self, name: str, password: str, address: str) -> str:
        """An access token for that user.

        Raises:
            ApiError: 401 wrong name or password; 429 too many wrong ones from this address.
        """
        key = (name, address)
        wait_s = self._failed.wait_s(key)
        if wait_s > 0:
            raise ApiError(
                429,
                "too_many_failed_logins",
                "Too many failed logins; try again later.",
                headers={"Retry-After": str(math.ceil(wait_s))},
            )
        with self._hashing:
            user = self._users.authenticate(name, password)
        if user is None:
            self._failed.failed(key)
            raise _unauthenticated("wrong_credentials", "Wrong user name or password.")
        self._failed.succeeded(key)
        return self.access_tokens.issue(user)

    def check(self, access: Access, bearer: str | None, url_token: str | None) -> User | None:
        """The caller of a route that needs ``access``; None where nobody need be known.

        Raises:
            ApiError: 401 unknown caller, 403 too small a role.
        """
        if access.role is None or (access.metrics_token and self._is_metrics_token(bearer)):
            return None
        if bearer is not None:
            user = self._find(self.access_tokens, bearer)
        elif url_token is not None and (access.url_token or access.playback_token):
            user = self._find_by_url(access, url_token)
        else:
            raise _unauthenticated("unauthenticated", "Log in first: POST /api/v1/auth/token.")
        if not allows(access, user.role):
            raise ApiError(403, "forbidden", f"This needs the role {access.role}; yours is {user.role}.")
        return user

    def may_still(self, access: Access, user: User) -> bool:
        """Whether a user who was let in would be let in now."""
        now = self._users.find(user.name)
        return now is not None and now.token_version == user.token_version and allows(access, now.role)

    def _find_by_url(self, access: Access, token: str) -> User:
        if access.playback_token and self.playback_tokens.has_signed(token):
            return self._find(self.playback_tokens, token)
        if access.url_token:
            return self._find(self.url_tokens, token)
        raise _unauthenticated("invalid_token", "This token is not for this address.")

    def _find(self, signer: TokenSigner, token: str) -> User:
        """The user as the database has him now: a deleted or demoted one loses his rights at once."""
        try:
            claims = signer.read(token)
        except BadTokenError as error:
            raise _unauthenticated(error.code, str(error)) from None
        user = self._users.find(claims.name)
        if user is None or user.token_version != claims.token_version:
            raise _unauthenticated("invalid_token", "This login has ended: log in again.")
        return user

    def _is_metrics_token(self, bearer: str | None) -> bool:
        if self._metrics_token is None or bearer is None:
            return False
        return random.compare_digest(self._metrics_token.get_secret_value().encode(), bearer.encode())


def _unauthenticated(code: str, message: str) -> ApiError:
    return ApiError(401, code, message, headers={"WWW-Authenticate": "Bearer"})
