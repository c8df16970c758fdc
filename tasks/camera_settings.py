"""What the event workers need to know of cameras, read from the database only when it has changed."""

from __future__ import annotations

import threading

from storage.camera import Camera
from storage.cameras import CameraNotFoundError, CameraStore


class CameraSettings:
    """Cameras by id; as fresh as the last `refresh`."""

    def __init__(self, cameras: CameraStore) -> None:
        self._store = cameras
        self._known: dict[int, Camera] = {}
        self._lock = threading.Lock()

    def of(self, camera_id: int) -> Camera | None:
        """The camera, or None where it was removed.

        Raises:
            UnavailableError: it is not known yet and the database is down.
        """
        with self._lock:
            camera = self._known.get(camera_id)
        if camera is not None:
            return camera
        try:
            camera = self._store.get(camera_id)
        except CameraNotFoundError:
            return None
        with self._lock:
            self._known[camera_id] = camera
        return camera

    def refresh(self) -> None:
        """Forget the cameras that were changed or removed since they were read.

        Raises:
            UnavailableError: the database is down; what is known stays in use.
        """
        versions = self._store.versions()
        with self._lock:
            for camera_id, camera in list(self._known.items()):
                if versions.get(camera_id) != camera.version:
                    del self._known[camera_id]
