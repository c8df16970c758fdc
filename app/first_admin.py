"""The first administrator: a fresh installation has somebody who can log in."""

from __future__ import annotations

import secrets

from core.errors import BadSettingError
from core.settings import Settings
from storage.users import UserError, UserStore

FIRST_ADMIN = "admin"
GENERATED_BYTES = 12


def ensure_admin(users: UserStore, settings: Settings) -> str | None:
    """Add the user ``admin`` where there are no users at all.

    Returns:
        The generated password, to be printed once; None where ``CAMREC_ADMIN_PASSWORD`` gives it or there are users.

    Raises:
        BadSettingError: ``CAMREC_ADMIN_PASSWORD`` is no password that a user may have.
    """
    if users.count():
        return None
    given = settings.admin_password
    password = secrets.token_urlsafe(GENERATED_BYTES) if given is None else given.get_secret_value()
    try:
        users.add(FIRST_ADMIN, password, "admin")
    except UserError as error:
        if users.find(FIRST_ADMIN) is not None:
            return None  # another process was first
        raise BadSettingError(f"CAMREC_ADMIN_PASSWORD cannot be used: {error}") from None
    return password if given is None else None
