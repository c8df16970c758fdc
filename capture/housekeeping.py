"""What a capture node clears away: media past their time, and frames of cameras that are gone."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing

from sqlalchemy.exc import DatabaseError

from core.errors import CamrecError, UnavailableError
from core.settings import Settings
from storage.database import Database
from storage.frames.store import FrameStoreName, open_frame_store
from storage.media import Media
from storage.retention.passes import RetentionPass

log = logging.getLogger(__name__)

EXPIRY_INTERVAL_S = 10.0
PASSES_FOR_SWEEP = 3


class Housekeeping:
    """A thread."""

    def __init__(self, settings: Settings, database: Database, camera_ids: Callable[[], set[int] | None]) -> None:
        """Idle until `start`.

        Args:
            settings: of this machine.
            database: with the rows of its media.
            camera_ids: of all cameras that exist, whichever node captures them; None: not known now.
        """
        self._settings, self._database, self._camera_ids = settings, database, camera_ids
        self.frame_store: str | None = None
        """What the frame store is called, for the sign of life; None: not known now."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it may be waiting for the database, and is a daemon."""
        self._stopped.set()

    def _run(self) -> None:
        name = FrameStoreName(self._settings)
        for number in itertools.count():
            try:
                self._pass(number, name)
            except Exception:  # whatever it is: without this thread the disk runs full
                log.exception("A pass of housekeeping failed; the next one is another try")
            if self._stopped.wait(EXPIRY_INTERVAL_S):
                return

    def _pass(self, number: int, name: FrameStoreName) -> None:
        self.frame_store = name.ask()
        if number:
            self._expire_media()
        if number % PASSES_FOR_SWEEP == 1:
            self._sweep()

    def _expire_media(self) -> None:
        """Here as well as by the jobs: room for what comes next must not depend on workers."""
        settings = self._settings
        one_pass = RetentionPass(settings, self._database, Media(settings.media_dir), settings.node)
        try:
            removed = one_pass.run(time.time())
        except (CamrecError, OSError, DatabaseError) as error:
            log.warning("Old media were not deleted: %s", error)
        else:
            if any(removed.values()):
                log.info("Deleted old media: %s", ", ".join(f"{n} {name}" for name, n in removed.items() if n))

    def _sweep(self) -> None:
        # Not those that this node holds: the frames of all nodes may lie in one place.
        camera_ids = self._camera_ids()
        if camera_ids is None:
            return
        try:
            with closing(open_frame_store(self._settings)) as store:
                store.sweep(camera_ids)
        except UnavailableError as error:
            log.warning("The frame store was not swept: %s", error)
