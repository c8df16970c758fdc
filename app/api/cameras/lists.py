"""Pages of cameras and of their kept frames."""

from __future__ import annotations

from typing import Any

from app.api.pages import page
from app.api.services import Services
from app.api.times import LATEST_EPOCH_S


def camera_page(
    services: Services, *, limit: int, name: str | None = None, cursor: tuple[int] | None = None
) -> dict[str, Any]:
    """Cameras by id, at most ``limit``, and where the next page begins."""
    after_id = cursor[0] if cursor else 0
    if name is None:
        found = services.cameras.all(after_id, limit + 1)
    else:
        wanted = name.casefold()
        found = [camera for camera in services.cameras.all(after_id) if wanted in camera.name.casefold()]
    return page(found, limit, lambda camera: (camera.id,))


def frame_page(
    services: Services,
    camera_id: int,
    *,
    limit: int,
    from_s: float = 0.0,
    to_s: float = LATEST_EPOCH_S,
    cursor: tuple[float, int] | None = None,
) -> dict[str, Any]:
    """Kept frames of a camera, oldest first, also of one that was removed.

    Raises:
        CameraNotFoundError: there is neither such a camera nor a frame of it.
    """
    found = services.kept_frames.between(camera_id, from_s, to_s, limit + 1, cursor or (0.0, 0))
    if not found:
        services.cameras.get(camera_id)
    return page(found, limit, lambda frame: (frame.captured_at, frame.id))
