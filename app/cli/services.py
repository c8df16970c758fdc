"""What the commands that work on stored things share: settings, the database, the stores on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import redis

from core.camera_counts import forget_removed_cameras
from core.errors import UnavailableError
from core.keys import CAMERAS_CHANGED
from core.redis_client import connect_redis
from core.settings import Settings, get_settings
from storage.camera import Camera
from storage.cameras import CameraNotFoundError, CameraStore
from storage.database import Database
from storage.media import Media
from storage.secrets import Secrets
from storage.users import UserStore

REDIS_TIMEOUT_S = 1.0
"""A command that can do without Redis does not wait for it."""


@dataclass(frozen=True, slots=True)
class Services:
    """The stores of this installation."""

    settings: Settings
    database: Database
    cameras: CameraStore
    users: UserStore
    media: Media

    def announce(self, camera_id: int | Literal["*"]) -> None:
        """Tell capture and API what changed. Best effort: without Redis, capture sees it in the database soon."""
        with contextlib.suppress(redis.RedisError, UnavailableError):
            connect_redis(self.settings, REDIS_TIMEOUT_S).publish(CAMERAS_CHANGED, str(camera_id))

    def announce_removal(self, camera_id: int | Literal["*"]) -> None:
        """As `announce`, and remove the camera's counters; where that fails, a job does it that looks now and then."""
        self.announce(camera_id)
        with contextlib.suppress(redis.RedisError, UnavailableError):
            forget_removed_cameras(connect_redis(self.settings, REDIS_TIMEOUT_S), self.cameras.versions)


def find_camera(services: Services, id_or_name: str) -> Camera:
    """The camera that a user means: by its id, else by its name.

    Raises:
        CameraNotFoundError: there is none.
    """
    found = services.cameras.all()
    by_id = [c for c in found if str(c.id) == id_or_name]
    for camera in by_id or [c for c in found if c.name == id_or_name]:
        return camera
    raise CameraNotFoundError(f"There is no camera with the id or name {id_or_name!r}; see `camrec cameras list`.")


@contextmanager
def open_services() -> Iterator[Services]:
    """The stores, on a database of the newest schema.

    Raises:
        BadSettingError: a ``CAMREC_*`` setting is wrong.
        UnavailableError: the database cannot be reached.
    """
    settings = get_settings()
    database = Database(settings)
    try:
        database.migrate()
        yield Services(
            settings=settings,
            database=database,
            cameras=CameraStore(database, Secrets.of(settings)),
            users=UserStore(database),
            media=Media(settings.media_dir, settings.node),
        )
    finally:
        database.close()
