"""Of which cameras a recognition has seen something lately: capture asks for those more often while nothing moves."""

from __future__ import annotations

import redis

from core import keys

NOTE_INTERVAL_S = 10.0
"""Between two notes of one camera: far below ``capture.motion_gate.OCCUPIED_S``, and few round trips."""


class SeenNotes:
    """Of one recognition. Not locked: two threads that note the same camera at once both write the truth."""

    def __init__(self, client: redis.Redis, kind: str) -> None:
        self._client, self._kind = client, kind
        self._noted_s: dict[int, float] = {}

    def note(self, camera_id: int, captured_at: float) -> None:
        """A frame of that time, in seconds since the epoch by the clock of capture, showed something.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        if 0 <= captured_at - self._noted_s.get(camera_id, 0.0) < NOTE_INTERVAL_S:
            return
        self._client.hset(keys.SEEN, f"{self._kind}:{camera_id}", captured_at)
        self._noted_s[camera_id] = captured_at
