"""Changes to cameras: stored, then announced."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import redis
from werkzeug.datastructures import ETags

from app.api.errors import ApiError, RedisUnavailableError
from app.api.services import Services
from app.camera_fields import camera_fields, check_model_choices
from core import keys
from core.camera_counts import forget_removed_cameras
from core.errors import UnavailableError
from core.types import Zone
from events.geometry import check_polygon
from storage.camera import Camera
from storage.media_removals import remove_files

_log = logging.getLogger(__name__)

PURGED_AT_ONCE = 1000
"""Files of a purged camera that are deleted before the answer."""

Fields = dict[str, Any]
"""What `CameraSchema` loaded."""


def add(services: Services, fields: Fields) -> Camera:
    """Store a new camera.

    Raises:
        BadUrlError: a URL that is not allowed.
        CameraExistsError: its name or id is taken.
    """
    camera = services.cameras.add(_camera(services, fields))
    announce(services, camera.id)
    return camera


def put(services: Services, camera_id: int, fields: Fields, if_match: ETags) -> Camera:
    """Store all fields of a camera; those left out get their defaults."""
    _check_id(fields, camera_id)
    new = _camera(services, fields)

    def how(before: Camera) -> Camera:
        _check_version(before, if_match)
        return new

    camera = services.cameras.edit(camera_id, how)
    announce(services, camera_id)
    return camera


def patch(services: Services, camera_id: int, fields: Fields, if_match: ETags) -> Camera:
    """Store the given fields of a camera; the others stay."""
    _check_id(fields, camera_id)
    changes = _changes(services, fields)

    def how(before: Camera) -> Camera:
        _check_version(before, if_match)
        return replace(before, **changes)

    camera = services.cameras.edit(camera_id, how)
    announce(services, camera_id)
    return camera


def replace_all(services: Services, items: Sequence[Fields]) -> list[Camera]:
    """Make these the only cameras."""
    cameras = services.cameras.replace_all([_camera(services, fields) for fields in items])
    _announce_removal(services, "*")
    return sorted(cameras, key=lambda camera: camera.id)


def remove(services: Services, camera_id: int, purge: bool, if_match: ETags) -> None:
    """Remove a camera; ``purge``: with all that it has left behind, and the files of that."""
    node = services.settings.node
    files = services.cameras.remove(camera_id, purge, lambda camera: _check_version(camera, if_match), node)
    _announce_removal(services, camera_id)
    # A camera may have a hundred thousand: the rest is noted, and goes while nobody waits.
    remove_files(services.database, services.media, node, files[:PURGED_AT_ONCE])


def set_zones(services: Services, camera_id: int, items: Sequence[Fields], if_match: ETags) -> Camera:
    """Replace a camera's zones."""
    zones = [
        Zone(name=z["name"], kind=z["kind"], points=check_polygon(z["points"]), recognitions=tuple(z["recognitions"]))
        for z in items
    ]
    camera = services.cameras.set_zones(camera_id, zones, lambda camera: _check_version(camera, if_match))
    announce(services, camera_id)
    return camera


def announce(services: Services, camera_id: int | Literal["*"]) -> None:
    """Tell capture what changed. Best effort: without Redis, capture sees it in the database soon."""
    try:
        services.redis.publish(keys.CAMERAS_CHANGED, str(camera_id))
    except (redis.RedisError, RedisUnavailableError) as error:
        _log.warning("Change of camera %s not announced, capture polls the database: %s", camera_id, error)


def _announce_removal(services: Services, camera_id: int | Literal["*"]) -> None:
    """As `announce`, and remove the camera's counters; where that fails, a job does it that looks now and then."""
    announce(services, camera_id)
    with contextlib.suppress(redis.RedisError, UnavailableError):
        forget_removed_cameras(services.redis, services.cameras.versions)


def etag(camera: Camera) -> dict[str, str]:
    """The header that names the camera's version (RFC 9110, 8.8.3)."""
    return {"ETag": f'"{camera.version}"'}


def _check_id(fields: Fields, camera_id: int) -> None:
    """The body may repeat the id of the URL, as what GET shows does."""
    if fields.setdefault("id", camera_id) != camera_id:
        raise ApiError(422, "invalid", "A camera keeps its id.", errors={"json": {"id": ["Not the id of the URL."]}})


def _check_version(camera: Camera, if_match: ETags) -> None:
    """``If-Match`` is optional: who sends it does not want to overwrite what he has not seen."""
    if if_match and not if_match.contains(str(camera.version)):
        raise ApiError(
            412, "version_mismatch", f'The camera has changed meanwhile: its ETag is now "{camera.version}".'
        )


def _camera(services: Services, fields: Fields) -> Camera:
    return Camera(**{"id": 0, **_changes(services, fields)})


def _changes(services: Services, fields: Fields) -> Fields:
    changes = camera_fields(fields, allow_files=services.settings.allow_files)
    check_model_choices(changes.get("recognitions", ()), services.settings.models_dir)
    return changes
