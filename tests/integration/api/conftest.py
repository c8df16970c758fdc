"""The application on a real SQLite and a real Redis, and clients of every role."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.api.factory import create_app
from core.clock import SystemClock
from core.settings import Settings, load_settings
from core.types import Event
from storage.clips.maker import ClipMaker
from storage.database import Database
from storage.events import EventStore
from storage.segments import Segment, SegmentStore
from storage.users import ROLES, UserStore
from tests.support.api_client import ApiClient, password_of
from tests.support.installation import START
from tests.support.recordings import write_segments
from tests.support.stored import an_event


@pytest.fixture(scope="session")
def template_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose database has one user of each role, named like it: made once, since passwords take long."""
    folder = tmp_path_factory.mktemp("template")
    database = Database(load_settings({"CAMREC_DATA": str(folder)}, env_file=folder / "no.env"))
    database.migrate()
    users = UserStore(database)
    for role in ROLES:
        users.add(role, password_of(role), role)
    database.close()
    return folder


@pytest.fixture
def database(settings: Settings, template_dir: Path) -> Iterator[Database]:
    """With one user of each role."""
    shutil.copytree(template_dir, settings.data)
    database = Database(settings)
    yield database
    database.close()


@pytest.fixture
def app(settings: Settings, database: Database) -> Flask:
    return create_app(settings)


@pytest.fixture
def login(app: Flask) -> Callable[[str], ApiClient]:
    """Makes a client that is logged in as that user."""
    return lambda name: ApiClient(app).log_in(name, password_of(name))


@pytest.fixture
def anonymous(app: Flask) -> ApiClient:
    return ApiClient(app)


@pytest.fixture
def viewer(login: Callable[[str], ApiClient]) -> ApiClient:
    return login("viewer")


@pytest.fixture
def operator(login: Callable[[str], ApiClient]) -> ApiClient:
    return login("operator")


@pytest.fixture
def admin(login: Callable[[str], ApiClient]) -> ApiClient:
    return login("admin")


@pytest.fixture(scope="module")
def shared_viewer(template_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> ApiClient:
    """A viewer for tests that only look, on an application that nothing is stored in. Without Redis."""
    data = tmp_path_factory.mktemp("looking") / "data"
    shutil.copytree(template_dir, data)
    environ = {"CAMREC_DATA": str(data), "CAMREC_FRAME_DIR": str(data)}
    app = create_app(load_settings(environ, env_file=data / "no.env"))
    return ApiClient(app).log_in("viewer", password_of("viewer"))


@pytest.fixture
def camera_id(operator: ApiClient) -> int:
    return int(operator.post("/cameras", {"name": "gate", "url": "rtsp://192.0.2.1/"}).get_json()["id"])


@pytest.fixture
def segments(settings: Settings, database: Database, camera_id: int) -> list[Segment]:
    """Two runs of ten seconds with a gap of ten between them."""
    found = write_segments(settings.media_dir, camera_id, START, 5, run="one")
    found += write_segments(settings.media_dir, camera_id, START + 20, 5, run="two")
    SegmentStore(database).add(found)
    return found


@pytest.fixture
def work(settings: Settings, database: Database) -> Callable[[str], bool]:
    """What a worker does with a clip."""
    maker = ClipMaker.of(settings, database, SystemClock())
    return lambda clip_id: maker.make(clip_id) is not None


@pytest.fixture
def seen_event(database: Database, camera_id: int, segments: list[Segment]) -> Event:
    """From second 6 to 8 of the recording."""
    event = an_event(camera_id, START + 6, ended_at=START + 8)
    EventStore(database).put([(event, None)], epoch=1)
    return event
