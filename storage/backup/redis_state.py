"""What of Redis goes into a backup: the judges' checkpoints and the epochs of their leases.

With the checkpoints alone nothing would be gained: the database leaves an event alone that was written under a later
epoch than the writer's, and in a new Redis the epochs begin at 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import redis

from core import keys
from core.errors import CamrecError, UnavailableError
from core.recognitions import EVENT_SHARDS
from core.redis_client import connect_redis
from core.settings import Settings

REDIS_STATE = "redis-state.json"
"""In a backup, and in a restored data folder until an event worker has loaded it."""

TIMEOUT_S = 5.0

_LOAD = """
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
if #ARGV > 1 then redis.call('HSET', KEYS[2], unpack(ARGV, 2)) end
return 1
"""


def read_redis_state(settings: Settings) -> dict[str, Any]:
    """The state of each shard of cameras: ``{"0": {"epoch", "checkpoint": {field: text}}, …}``.

    Raises:
        UnavailableError: Redis cannot be reached.
    """
    try:
        with connect_redis(settings, TIMEOUT_S) as client, client.pipeline(transaction=True) as pipe:
            for shard in range(EVENT_SHARDS):
                pipe.get(_epoch(shard))
                pipe.hgetall(keys.checkpoint(shard))
            answers = pipe.execute()
    except redis.RedisError as error:
        raise UnavailableError(f"Redis cannot be reached: {error}.") from error
    return {
        str(shard): {
            "epoch": int(answers[2 * shard] or 0),
            "checkpoint": {name.decode(): text.decode() for name, text in answers[2 * shard + 1].items()},
        }
        for shard in range(EVENT_SHARDS)
    }


def load_redis_state(data: Path, client: redis.Redis) -> bool:
    """Load what a restore left in the data folder, once; shards that Redis knows already are left alone.

    Returns:
        Whether there was something to load.

    Raises:
        CamrecError: the file is broken.
        redis.RedisError: Redis cannot be reached; the file stays for the next time.
    """
    file = data / REDIS_STATE
    load = client.register_script(_LOAD)
    try:
        for shard, state in json.loads(file.read_bytes()).items():
            fields = [text for pair in state["checkpoint"].items() for text in pair]
            load(keys=[_epoch(int(shard)), keys.checkpoint(int(shard))], args=[int(state["epoch"]), *fields])
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CamrecError(f"{file} is broken ({error!r}): delete it; what went on then begins anew.") from error
    file.unlink(missing_ok=True)
    return True


def _epoch(shard: int) -> str:
    return keys.lease_epoch(f"events.{shard}")
