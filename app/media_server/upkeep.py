"""Looks after the media of this machine while they are served: says where they are, lets old go, copies new ones."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from core.complaint import Complaint
from core.figures import REGISTRY
from core.redis_client import connect_redis
from core.settings import Settings
from storage.media_nodes import ANNOUNCE_INTERVAL_S, REDIS_TIMEOUT_S, MediaNodes

log = logging.getLogger(__name__)

RETENTION_INTERVAL_S = 30.0
COPY_INTERVAL_S = 30.0


class Upkeep:
    """Threads beside the server; they end with its process."""

    def __init__(self, settings: Settings, expire: Callable[[], object], copy: Callable[[], object]) -> None:
        """Idle until `start`.

        Args:
            settings: Of this machine; ``node_url`` is set.
            expire: One bounded pass of retention.
            copy: One bounded pass over object storage.
        """
        self._settings = settings
        self._nodes = MediaNodes(settings)
        self._works = (
            ("announce", "Other machines do not hear where media are", self._announce, ANNOUNCE_INTERVAL_S),
            ("expire", "Old media are not let go", expire, RETENTION_INTERVAL_S),
            ("copy", "Media are not copied to object storage", copy, COPY_INTERVAL_S),
        )

    def start(self) -> None:
        """Begin."""
        for name, failing, work, interval_s in self._works:
            complaint = Complaint(log, failing)
            threading.Thread(target=self._repeat, args=(work, interval_s, complaint), name=name, daemon=True).start()

    def _announce(self) -> None:
        self._nodes.announce(self._settings.node, self._settings.node_url or "")
        with connect_redis(self._settings, REDIS_TIMEOUT_S) as client:
            REGISTRY.flush(client)

    def _repeat(self, work: Callable[[], object], interval_s: float, complaint: Complaint) -> None:
        while True:
            try:
                work()
            except Exception as error:  # noqa: BLE001  # the next time it may go well
                complaint.failed(error)
            else:
                complaint.well()
            time.sleep(interval_s)
