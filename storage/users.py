"""Users and their passwords."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import CamrecError
from storage.database import Database
from storage.models import UserRow

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""From the least right to the most."""

MIN_PASSWORD_LENGTH = 8
MAX_FIRST_TOKEN_VERSION = 2**30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class UserError(CamrecError):
    """A user cannot be added, found or changed."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in."""

    id: int
    name: str
    role: Role
    token_version: int


class UserStore:
    """Users in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")

    def all(self) -> list[User]:
        """Every user, by name."""
        with self._database.read() as session:
            return [_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]

    def count(self) -> int:
        """How many there are."""
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(UserRow)) or 0

    def find(self, name: str) -> User | None:
        """The user of that name."""
        with self._database.read() as session:
            row = session.scalar(select(UserRow).where(UserRow.name == name))
            return None if row is None else _user(row)

    def add(self, name: str, password: str, role: Role) -> User:
        """Add a user.

        Raises:
            UserError: the name is taken or not a name, or the password is too short.
        """
        if not _NAME.fullmatch(name):
            raise UserError(f"A user name is 1 to 64 letters, digits or . _ @ - ; got {name!r}.")
        if role not in ROLES:
            raise UserError(f"A role is one of {', '.join(ROLES)}; got {role!r}.")
        row = UserRow(
            name=name,
            password_hash=self._hash(password),
            role=role,
            created_at=time.time(),
            # Not 1: tokens of a removed user must not be good for one who is added again under his name.
            token_version=1 + secrets.randbelow(MAX_FIRST_TOKEN_VERSION),
        )
        try:
            with self._database.write() as session:
                session.add(row)
                session.flush()
                return _user(row)
        except IntegrityError:
            raise UserError(f"There is a user {name!r} already; see `camrec users password {name}`.") from None

    def set_password(self, name: str, password: str) -> None:
        """Set a new password; tokens given before are worthless from now on.

        Raises:
            UserError: no such user, or the password is too short.
        """
        hashed = self._hash(password)
        with self._database.write() as session:
            row = _row(session, name)
            row.password_hash = hashed
            row.token_version += 1

    def remove(self, name: str) -> None:
        """Remove a user.

        Raises:
            UserError: no such user, or the last administrator.
        """
        with self._database.write() as session:
            row = _row(session, name)
            admins = session.scalar(select(func.count()).select_from(UserRow).where(UserRow.role == "admin"))
            if row.role == "admin" and admins == 1:
                raise UserError(f"{name!r} is the last administrator; add another one first.")
            session.delete(row)

    def authenticate(self, name: str, password: str) -> User | None:
        """The user whose name and password these are; takes as long for an unknown name as for a wrong password."""
        with self._database.read() as session:
            row = session.scalar(select(UserRow).where(UserRow.name == name))
        try:
            self._hasher.verify(self._nobody if row is None else row.password_hash, password)
        except (VerificationError, InvalidHashError):
            return None
        return None if row is None else _user(row)

    def _hash(self, password: str) -> str:
        if len(password) < MIN_PASSWORD_LENGTH:
            raise UserError(f"A password has at least {MIN_PASSWORD_LENGTH} characters; got {len(password)}.")
        return self._hasher.hash(password)


def _row(session: Session, name: str) -> UserRow:
    row = session.scalar(select(UserRow).where(UserRow.name == name))
    if row is None:
        raise UserError(f"There is no user {name!r}.")
    return row


def _user(row: UserRow) -> User:
    role: Role = next((r for r in ROLES if r == row.role), "viewer")
    return User(row.id, row.name, role, row.token_version)
