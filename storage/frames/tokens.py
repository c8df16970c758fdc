"""Tokens: for each camera and recognition at most one waits in the queue, and stands for the newest frame."""

from __future__ import annotations

from enum import Enum

import redis

from core import keys
from core.recognitions import Recognition

TOKEN_LIFETIME_S = 5.0
"""A token lost with a killed worker heals after this time."""

MAX_QUEUE_LENGTH = 1000
"""Messages in one frames queue; reached only where tokens expire because no worker consumes."""

_OFFER = """
if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[2]) then return 2 end
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 0 end
return 1
"""

_TAKE = """
local left = redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
return left
"""


class Offer(Enum):
    """What became of a frame that was offered."""

    GRANTED = 0
    """Publish a task for it."""
    SUPERSEDES = 1
    """A token waits already and now stands for this newer frame."""
    QUEUE_FULL = 2
    """No worker consumes: nothing to publish."""


class Tokens:
    """The tokens of one Redis."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._offer = client.register_script(_OFFER)
        self._take = client.register_script(_TAKE)

    def offer(self, recognition: Recognition, camera_id: int) -> Offer:
        """Set the camera's token unless one waits or the queue is full.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        answer = self._offer(
            keys=[keys.token(recognition.kind, camera_id), recognition.queue],
            args=[int(TOKEN_LIFETIME_S * 1000), MAX_QUEUE_LENGTH],
        )
        return Offer(int(answer))

    def withdraw(self, recognition: Recognition, camera_id: int) -> None:
        """Take a token back whose task could not be published."""
        self._client.delete(keys.token(recognition.kind, camera_id))

    def take(self, recognition: Recognition, camera_id: int) -> float | None:
        """Clear the token, since its frame is about to be read, and count the frame as served.

        Returns:
            Seconds since the token was granted, by the clock of Redis; None where it had expired or was taken.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        left_ms = int(
            self._take(
                keys=[keys.token(recognition.kind, camera_id), keys.SERVED], args=[f"{recognition.kind}:{camera_id}"]
            )
        )
        return TOKEN_LIFETIME_S - left_ms / 1000 if left_ms >= 0 else None
