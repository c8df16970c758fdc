"""Looks after the media of this machine while they are served: says where they are, lets old go, copies new ones."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import redis

from core.errors import CamrecError, UnavailableError
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
            ("announce", self._announce, ANNOUNCE_INTERVAL_S),
            ("expire", expire, RETENTION_INTERVAL_S),
            ("copy", copy, COPY_INTERVAL_S),
        )

    def start(self) -> None:
        """Begin."""
        for name, work, interval_s in self._works:
            threading.Thread(target=self._repeat, args=(work, interval_s), name=name, daemon=True).start()

    def _announce(self) -> None:
        try:
            self._nodes.announce(self._settings.node, self._settings.node_url or "")
            with connect_redis(self._settings, REDIS_TIMEOUT_S) as client:
                REGISTRY.flush(client)
        except (redis.RedisError, UnavailableError) as error:
            log.debug("No sign of life given: %s", error)

    def _repeat(self, work: Callable[[], object], interval_s: float) -> None:
        is_failing = False
        while True:
            try:
                work()
                is_failing = False
            except Exception as error:  # the next time it may go well; until then, once
                if not is_failing:
                    log.warning("Media are not looked after: %s", error, exc_info=not isinstance(error, CamrecError))
                is_failing = True
            time.sleep(interval_s)
