"""Observations that wait to be judged: a Redis stream for each shard of cameras, and a Celery message that says so.

The message is a token, as for frames: at most one waits for each shard. Observations stay in the stream until the
checkpoint that covers them is saved, so no killed worker and no lost message costs one (docs/decisions.md, "Events").
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from core import keys
from core.recognitions import EVENT_QUEUES, EVENT_SHARDS
from core.types import Observation

JUDGE_TASK = "judge.observations"

MAX_WAITING = 50_000
"""In one shard; an hour's work of one camera at 15 fps. Beyond, no worker judges and memory would run out."""

TOKEN_LIFETIME_S = 5.0

_APPEND = """
local answers = {}
for i = 1, #ARGV - 2 do
  if redis.call('XLEN', KEYS[2 * i - 1]) >= tonumber(ARGV[1]) then
    answers[i] = -1
  else
    redis.call('XADD', KEYS[2 * i - 1], '*', 'observation', ARGV[i + 2])
    answers[i] = redis.call('SET', KEYS[2 * i], '1', 'NX', 'PX', ARGV[2]) and 1 or 0
  end
end
return answers
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An observation in the stream."""

    position: str
    observation: Observation

    @property
    def since_s(self) -> float:
        """When it was published, in seconds since the epoch by the clock of Redis."""
        return int(self.position.partition("-")[0]) / 1000


class ObservationLog:
    """The streams of one Redis."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._append = client.register_script(_APPEND)

    def append(self, observations: Sequence[Observation], app: Celery) -> list[bool]:
        """Add observations, in one round trip, and wake the workers that hold their shards unless a message does.

        Returns:
            For each whether it was added; not, where as many as may wait in its shard.

        Raises:
            redis.RedisError: Redis cannot be reached; none is known to be added.
        """
        shards = [observation.frame.camera_id % EVENT_SHARDS for observation in observations]
        answers = self._append(
            keys=[key for shard in shards for key in (keys.observations(shard), keys.token("events", shard))],
            args=[MAX_WAITING, int(TOKEN_LIFETIME_S * 1000), *(json.dumps(o.as_json()) for o in observations)],
        )
        for shard, answer in zip(shards, answers, strict=True):
            if answer == 1:
                self._wake(shard, app)
        return [answer != -1 for answer in answers]

    @staticmethod
    def _wake(shard: int, app: Celery) -> None:
        try:
            app.send_task(JUDGE_TASK, args=(shard,), queue=EVENT_QUEUES[shard], retry=False)
        except (OperationalError, redis.RedisError, OSError) as error:
            # They are in: the worker that holds the shard looks by itself every second.
            log.warning("the worker of event shard %d was not told of observations: %s", shard, error)

    def clear_token(self, shard: int) -> None:
        """From here on a new observation sends a new message."""
        self._client.delete(keys.token("events", shard))

    def read(self, shard: int, after: str, count: int) -> list[Waiting]:
        """The oldest observations after a position; ``"0"`` is before all."""
        entries: Any = self._client.xrange(keys.observations(shard), min=f"({after}", count=count)
        return [Waiting(i.decode(), Observation.from_json(json.loads(fields[b"observation"]))) for i, fields in entries]

    def waiting(self, shard: int) -> int:
        """How many wait."""
        return int(self._client.xlen(keys.observations(shard)))
