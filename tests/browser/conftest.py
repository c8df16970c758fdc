"""A browser, and an API for it to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from core.settings import load_settings
from storage.database import Database
from storage.users import UserStore
from tests.support.api_client import password_of
from tests.support.processes import children
from tests.support.served_api import ServedApi

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
"""As root in a container Chromium needs the first two."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedApi]:
    """A running API with an administrator who is logged in. Without Redis."""
    environ = {"CAMREC_DATA": str(tmp_path / "data"), "CAMREC_FRAME_DIR": str(tmp_path)}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    database = Database(load_settings(environ, env_file=tmp_path / "no.env"))
    database.migrate()
    UserStore(database).add("admin", password_of("admin"), "admin")
    database.close()
    with children(tmp_path) as processes:
        served = ServedApi(processes)
        served.log_in("admin")
        yield served
