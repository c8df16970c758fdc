"""Tokens: for each camera and recognition at most one waits in the queue, and stands for the newest frame."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import redis

from core import keys
from core.recognitions import Recognition

TOKEN_LIFETIME_S = 5.0
"""A token lost with a killed worker heals after this time."""

MAX_QUEUE_LENGTH = 1000
"""Messages in one frames queue; reached only where tokens expire because no worker consumes."""

_OFFER = """
local is_full = redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[2])
local answers = {}
for i = 2, #KEYS do
  if is_full then
    answers[i - 1] = 2
  elseif redis.call('SET', KEYS[i], '1', 'NX', 'PX', ARGV[1]) then
    answers[i - 1] = 0
  else
    answers[i - 1] = 1
  end
end
return answers
"""

_TAKE = """
local left = {}
for i = 2, #KEYS do
    left[i - 1] = redis.call('PTTL', KEYS[i])
    redis.call('DEL', KEYS[i])
    redis.call('HINCRBY', KEYS[1], ARGV[i - 1], 1)
end
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

    def offer(self, recognition: Recognition, camera_ids: Sequence[int]) -> list[Offer]:
        """Set each camera's token unless one waits or the queue is full: one round trip for all of them.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        tokens = [keys.token(recognition.kind, camera_id) for camera_id in camera_ids]
        answers = self._offer(keys=[recognition.queue, *tokens], args=[int(TOKEN_LIFETIME_S * 1000), MAX_QUEUE_LENGTH])
        return [Offer(answer) for answer in answers]

    def withdraw(self, recognition: Recognition, camera_id: int) -> None:
        """Take a token back whose task could not be published."""
        self._client.delete(keys.token(recognition.kind, camera_id))

    def take(self, recognition: Recognition, camera_ids: Sequence[int]) -> list[float | None]:
        """Clear the tokens of cameras, since their frames are about to be read, and count the frames as served.

        One call for a whole batch: whoever takes waits for Redis, and each wait is time without a model running.

        Returns:
            For each camera the seconds since its token was granted, by the clock of Redis; None where it had expired
            or was taken.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        left_ms = self._take(
            keys=[keys.SERVED, *(keys.token(recognition.kind, camera_id) for camera_id in camera_ids)],
            args=[f"{recognition.kind}:{camera_id}" for camera_id in camera_ids],
        )
        return [TOKEN_LIFETIME_S - left / 1000 if left >= 0 else None for left in left_ms]
