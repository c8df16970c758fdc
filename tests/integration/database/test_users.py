from __future__ import annotations

import pytest

from storage.database import Database
from storage.users import UserError, UserStore


@pytest.fixture
def users(database: Database) -> UserStore:
    return UserStore(database)


def test_logs_in_with_the_right_password_only(users: UserStore) -> None:
    added = users.add("eva", "correct horse", "operator")
    assert users.authenticate("eva", "correct horse") == added == users.find("eva")
    assert users.authenticate("eva", "wrong horse") is None
    assert users.authenticate("nobody", "correct horse") is None


def test_new_password_ends_old_logins(users: UserStore) -> None:
    before = users.add("eva", "correct horse", "viewer")
    users.set_password("eva", "battery staple")
    after = users.authenticate("eva", "battery staple")
    assert after is not None
    assert after.token_version == before.token_version + 1
    assert users.authenticate("eva", "correct horse") is None


@pytest.mark.parametrize(
    ("name", "password", "role", "message"),
    [
        pytest.param("eva", "long enough", "viewer", "already", id="taken"),
        pytest.param("", "long enough", "viewer", "user name", id="empty name"),
        pytest.param("a b", "long enough", "viewer", "user name", id="space in the name"),
        pytest.param("x" * 65, "long enough", "viewer", "user name", id="long name"),
        pytest.param("new", "seven77", "viewer", "at least 8", id="short password"),
        pytest.param("new", "long enough", "root", "role", id="role"),
    ],
)
def test_bad_users_are_refused(users: UserStore, name: str, password: str, role: str, message: str) -> None:
    users.add("eva", "correct horse", "viewer")
    with pytest.raises(UserError, match=message) as caught:
        users.add(name, password, role)  # type: ignore[arg-type]
    assert password not in str(caught.value)
    assert users.count() == 1


def test_the_last_administrator_stays(users: UserStore) -> None:
    users.add("first", "correct horse", "admin")
    users.add("eva", "correct horse", "viewer")
    with pytest.raises(UserError, match="last administrator"):
        users.remove("first")
    users.add("second", "correct horse", "admin")
    users.remove("first")
    users.remove("eva")
    assert [u.name for u in users.all()] == ["second"]


def test_unknown_user(users: UserStore) -> None:
    assert users.find("nobody") is None
    with pytest.raises(UserError, match="nobody"):
        users.remove("nobody")
    with pytest.raises(UserError, match="nobody"):
        users.set_password("nobody", "long enough")
