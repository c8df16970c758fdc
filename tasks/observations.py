"""Observations that wait to be judged: a Redis stream for each shard of cameras, and a Celery message that says so.

The message is a token, as for frames: at most one waits for each shard. Observations stay in the stream until the
checkpoint that covers them is saved, so no killed worker and no lost message costs one (docs/decisions.md, "Events").
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import redis
from celery import Celery

from core import keys
from core.recognitions import EVENT_SHARDS, events_queue
from core.types import Observation

JUDGE_TASK = "judge.observations"

MAX_WAITING = 50_000
"""In one shard; an hour's work of one camera at 15 fps. Beyond, no worker judges and memory would run out."""

TOKEN_LIFETIME_S = 5.0

_APPEND = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return -1 end
redis.call('XADD', KEYS[1], '*', 'observation', ARGV[2])
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[3]) then return 1 end
return 0
"""


class ShardFullError(Exception):
    """As many observations wait as may."""


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

    def append(self, observation: Observation, app: Celery) -> None:
        """Add an observation, and wake the worker that holds its shard unless a message does so already.

        Raises:
            ShardFullError: it was not added.
            redis.RedisError, kombu.exceptions.OperationalError: Redis cannot be reached. Where only the message
                failed, the observation is in and will be judged.
        """
        camera_id = observation.frame.camera_id
        shard = camera_id % EVENT_SHARDS
        outcome = self._append(
            keys=[keys.observations(shard), keys.token("events", shard)],
            args=[MAX_WAITING, json.dumps(observation.as_json()), int(TOKEN_LIFETIME_S * 1000)],
        )
        if outcome == -1:
            raise ShardFullError(f"{MAX_WAITING} observations wait in shard {shard}")
        if outcome == 1:
            app.send_task(JUDGE_TASK, args=(shard,), queue=events_queue(camera_id), retry=False)

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
