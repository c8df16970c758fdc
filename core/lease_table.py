"""Many leases of one kind in one hash in Redis: a node renews, takes and gives up all of its own in one call.

A single right that needs an epoch is a `core.lease.Lease`; here a hundred cost one script call. Times are those of the
Redis server, so the clocks of the hosts do not matter; where that is set back, no lease gets longer than its lifetime.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import redis

_FORGOTTEN_AFTER_S = 86_400
"""The last holder of a lease is remembered so long."""

_WRITE = """
for i = 2, #KEYS do
  local holder = string.match(redis.call('HGET', KEYS[1], ARGV[3 * i - 4]) or '', '^%d+ (.+)$')
  if holder == ARGV[1] then redis.call('SET', KEYS[i], ARGV[3 * i - 3], 'EX', ARGV[3 * i - 2]) end
end
"""

_EXCHANGE = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local me, lifetime_ms, given_up = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local entries = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local until_ms, holder = string.match(flat[i + 1], '^(%d+) (.+)$')
  until_ms = tonumber(until_ms)
  if lifetime_ms > 0 and until_ms > now_ms + lifetime_ms then -- the clock was set back since
    until_ms = now_ms + lifetime_ms
    redis.call('HSET', KEYS[1], flat[i], string.format('%.0f %s', until_ms, holder))
  end
  if until_ms + tonumber(ARGV[4]) < now_ms then
    redis.call('HDEL', KEYS[1], flat[i])
  else
    entries[flat[i]] = {until_ms, holder}
  end
end
for i = 5, 4 + given_up do
  local entry = entries[ARGV[i]]
  if entry and entry[2] == me then
    entry[1] = math.min(entry[1], now_ms)
    redis.call('HSET', KEYS[1], ARGV[i], string.format('%.0f %s', entry[1], me))
  end
end
local gained = {}
for i = 5 + given_up, #ARGV do
  local entry = entries[ARGV[i]]
  local is_live = entry and entry[1] > now_ms
  if not is_live or entry[2] == me then
    if not is_live then
      gained[#gained + 1] = ARGV[i]
      gained[#gained + 1] = entry and entry[2] or ''
    end
    entries[ARGV[i]] = {now_ms + lifetime_ms, me}
    redis.call('HSET', KEYS[1], ARGV[i], string.format('%.0f %s', now_ms + lifetime_ms, me))
  end
end
local live = {}
for name, entry in pairs(entries) do
  if entry[1] > now_ms then
    live[#live + 1] = name
    live[#live + 1] = entry[2]
  end
end
return {live, gained}
"""


@dataclass(frozen=True, slots=True)
class Leases:
    """What an exchange found."""

    holders: dict[str, str]
    """Name → holder, of all leases that somebody holds now."""
    gained: dict[str, str]
    """Name → who held it last ("": nobody), of those that were free and are ours now."""


@dataclass(frozen=True, slots=True)
class LeasedValue:
    """A key that only the holder of a lease may write."""

    lease: str
    key: str
    value: str
    lifetime_s: int


class LeaseTable:
    """The leases in one hash."""

    def __init__(self, client: redis.Redis, key: str, holder: str, lifetime_s: float = 0.0) -> None:
        """Nothing is asked yet.

        Args:
            client: of Redis.
            key: of the hash.
            holder: who takes leases here; no two processes may be the same one.
            lifetime_s: after which a lease expires unless renewed, the same for all who take some; only they need it.
        """
        self._key = key
        self._holder, self._lifetime_ms = holder, int(lifetime_s * 1000)
        self._exchange = client.register_script(_EXCHANGE)
        self._write = client.register_script(_WRITE)

    def exchange(self, take: Iterable[str] = (), give_up: Iterable[str] = ()) -> Leases:
        """Give up some leases, then take or renew those that nobody else holds.

        Raises:
            redis.RedisError: Redis cannot be asked; it may have done it all the same.
        """
        given_up = list(give_up)
        figures = [self._lifetime_ms, len(given_up), _FORGOTTEN_AFTER_S * 1000]
        live, gained = self._exchange(keys=[self._key], args=[self._holder, *figures, *given_up, *take])
        return Leases(_pairs(live), _pairs(gained))

    def write(self, values: Iterable[LeasedValue]) -> None:
        """Write values of those leases whose last holder we are: what a former holder still says is dropped.

        Raises:
            redis.RedisError: Redis cannot be asked.
        """
        written = list(values)
        arguments: list[str | int] = [
            part for value in written for part in (value.lease, value.value, value.lifetime_s)
        ]
        if written:
            self._write(keys=[self._key, *(value.key for value in written)], args=[self._holder, *arguments])


def _pairs(flat: list[bytes]) -> dict[str, str]:
    values = [value.decode() for value in flat]
    return dict(zip(values[::2], values[1::2], strict=True))
