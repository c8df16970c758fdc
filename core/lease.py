"""A lease in Redis: one holder at a time, with an epoch that fences what an earlier holder still writes."""

from __future__ import annotations

import redis

from core import keys

_ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(redis.call('GET', KEYS[2]))
end
if holder then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('INCR', KEYS[2])
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Lease:
    """A named right that expires unless renewed."""

    def __init__(self, client: redis.Redis, name: str, holder: str, lifetime_s: float) -> None:
        self._keys = [keys.lease(name), keys.lease_epoch(name)]
        self._holder = holder
        self._lifetime_ms = int(lifetime_s * 1000)
        self._client = client
        self._acquire = client.register_script(_ACQUIRE)
        self._release = client.register_script(_RELEASE)

    def acquire(self) -> int | None:
        """Take or renew the lease.

        Returns:
            The epoch (1, 2, …) under which it is held, or None where somebody else holds it.
        """
        epoch = int(self._acquire(keys=self._keys, args=[self._holder, self._lifetime_ms]))
        return epoch or None

    def release(self) -> None:
        """Give it up, so that the next holder need not wait for it to expire."""
        self._release(keys=self._keys[:1], args=[self._holder])
