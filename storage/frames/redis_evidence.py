"""JPEGs of frames that showed something, in Redis: a hash for each camera."""

from __future__ import annotations

import logging
from typing import Any

from core import keys
from core.errors import UnavailableError
from storage.frames.evidence import LEAST_PER_CAMERA, MAX_PER_CAMERA
from storage.frames.redis_link import FramesRedis
from storage.frames.redis_scripts import KEEP_EVIDENCE

log = logging.getLogger(__name__)

LIFETIME_S = 3600
"""After the camera's last picture; it bounds what cameras hold that show nothing any more."""


class RedisEvidence:
    """Pictures by camera and seq, bounded as those of one machine are; a picture may vanish at any time."""

    def __init__(self, link: FramesRedis, allowed_bytes: int) -> None:
        """Allowed: bytes of all pictures; beyond it each camera keeps `LEAST_PER_CAMERA`."""
        self._link, self._allowed_bytes = link, allowed_bytes

    def keep(self, camera_id: int, seq: int, jpeg: bytes) -> None:
        """Keep a frame's picture; beyond `MAX_PER_CAMERA`, or the budget, the oldest of its camera go.

        Raises:
            UnavailableError: Redis is away or full.
        """
        limits = (MAX_PER_CAMERA, LEAST_PER_CAMERA, self._allowed_bytes, LIFETIME_S * 1000)
        charged = [keys.evidence(camera_id), keys.EVIDENCE_SIZES]
        self._link.script(KEEP_EVIDENCE, charged, [_field(seq), jpeg, *limits])

    def get(self, camera_id: int, seq: int) -> bytes | None:
        """The picture of that frame; None where there is none, or Redis is away: an alarm does not wait for it."""
        try:
            found: Any = self._link.run(lambda client: client.hget(keys.evidence(camera_id), _field(seq)))
        except UnavailableError as error:
            log.warning("camera %d: an event has no picture: %s", camera_id, error)
            return None
        return None if found is None else bytes(found)


def _field(seq: int) -> str:
    return f"{seq:020d}"  # of any 64-bit number, so that fields sort as seqs do
