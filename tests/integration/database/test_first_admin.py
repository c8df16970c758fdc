from __future__ import annotations

from pathlib import Path

import pytest

from app.first_admin import ensure_admin
from core.errors import BadSettingError
from core.settings import Settings, load_settings
from storage.database import Database
from storage.users import UserStore


def settings(data: Path, password: str) -> Settings:
    return load_settings({"CAMREC_DATA": str(data), "CAMREC_ADMIN_PASSWORD": password}, data / "no.env")


def test_generated_password_is_told_once(database: Database, tmp_path: Path) -> None:
    users = UserStore(database)
    password = ensure_admin(users, settings(tmp_path, ""))
    assert password is not None
    user = users.authenticate("admin", password)
    assert user is not None
    assert user.role == "admin"
    assert ensure_admin(users, settings(tmp_path, "")) is None


def test_given_password_is_used_and_not_told(database: Database, tmp_path: Path) -> None:
    users = UserStore(database)
    assert ensure_admin(users, settings(tmp_path, "correct horse")) is None
    assert users.authenticate("admin", "correct horse") is not None


def test_where_there_are_users_nobody_is_added(database: Database, tmp_path: Path) -> None:
    users = UserStore(database)
    users.add("eva", "battery staple", "viewer")
    assert ensure_admin(users, settings(tmp_path, "correct horse")) is None
    assert [u.name for u in users.all()] == ["eva"]


def test_short_password_is_a_wrong_setting(database: Database, tmp_path: Path) -> None:
    users = UserStore(database)
    with pytest.raises(BadSettingError, match=r"CAMREC_ADMIN_PASSWORD.*at least 8") as caught:
        ensure_admin(users, settings(tmp_path, "geheim"))
    assert "geheim" not in str(caught.value)
    assert users.count() == 0
