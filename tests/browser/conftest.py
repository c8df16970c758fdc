"""A browser, and an API for it to look at."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
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

HLS_JS = "hls.js@1.7.4"
"""The player that most pages use (Apache-2.0). It is fetched for the test and is no part of the project."""
HLS_JS_SHA256 = "e4ab3d5d13f7cca9ef241d098f39686e19fd451831ba07dc9943482fd5ff75c7"


@pytest.fixture(scope="session")
def hls_js(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script, from npm's registry, or from npm's cache once it was there."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("hls-js")
    if npm is None:
        pytest.skip(f"no npm to fetch {HLS_JS} with: apt-get install npm")
    command = [npm, "pack", HLS_JS, "--prefer-offline"]
    fetched = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if fetched.returncode:
        pytest.skip(f"npm's registry does not give {HLS_JS}: {fetched.stderr[-300:]}")
    (tarball,) = folder.glob("*.tgz")
    assert hashlib.sha256(tarball.read_bytes()).hexdigest() == HLS_JS_SHA256, "the registry gave another file"
    with tarfile.open(tarball) as packed:
        script = packed.extractfile("package/dist/hls.min.js")
        assert script is not None
        return script.read().decode()


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
