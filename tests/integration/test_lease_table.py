"""Many leases in one hash, in a real Redis."""

from __future__ import annotations

import pytest
import redis

from core.lease_table import LeasedValue, LeaseTable
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

KEY = "leases"


def a_table(client: redis.Redis, holder: str, lifetime_s: float = 60.0) -> LeaseTable:
    return LeaseTable(client, KEY, holder, lifetime_s)


def test_one_holder_at_a_time(redis_client: redis.Redis) -> None:
    a, b = a_table(redis_client, "a:1"), a_table(redis_client, "b:1")
    assert a.exchange(["1", "2"]).gained == {"1": "", "2": ""}
    found = b.exchange(["2", "3"])
    assert found.holders == {"1": "a:1", "2": "a:1", "3": "b:1"}
    assert found.gained == {"3": ""}
    b.exchange(give_up=["1", "2"])  # not its own
    assert a.exchange(["1"], ["2"]).gained == {}, "renewed"
    assert b.exchange(["1", "2"]).gained == {"2": "a:1"}, "and tells who had it"
    assert a.exchange().holders == {"1": "a:1", "2": "b:1", "3": "b:1"}


def test_expires_unless_renewed(redis_client: redis.Redis) -> None:
    short, long = a_table(redis_client, "a:1", 0.2), a_table(redis_client, "b:1")
    short.exchange(["1", "2"])
    wait_until(lambda: "1" not in short.exchange(["2"]).holders, "1 has expired", 2.0)
    assert short.exchange().holders == {"2": "a:1"}
    assert long.exchange(["1"]).gained == {"1": "a:1"}
    assert short.exchange(["1"]).holders["1"] == "b:1"


def test_a_clock_that_is_set_back_keeps_no_lease_alive(redis_client: redis.Redis) -> None:
    seconds, _ = redis_client.time()
    redis_client.hset(KEY, "1", f"{(seconds + 3600) * 1000} dead:1")  # granted before it was set back by an hour
    alive = a_table(redis_client, "b:1", 0.5)
    assert alive.exchange(["1"]).holders == {"1": "dead:1"}, "its holder may renew it"
    wait_until(lambda: alive.exchange(["1"]).gained, "it expires as any other", 3.0)


def test_only_the_last_holder_writes(redis_client: redis.Redis) -> None:
    a, b = a_table(redis_client, "a:1"), a_table(redis_client, "b:1")
    a.exchange(["1"])
    b.exchange(["2"])
    a.write([LeasedValue("1", "status:1", "mine", 60), LeasedValue("2", "status:2", "stale", 60)])
    assert redis_client.mget(["status:1", "status:2", "status:3"]) == [b"mine", None, None]
    assert 0 < redis_client.ttl("status:1") <= 60
    a.exchange(give_up=["1"])
    b.exchange(["1"])
    b.write([LeasedValue("1", "status:1", "theirs", 60)])
    a.write([LeasedValue("1", "status:1", "late", 60)])
    assert redis_client.get("status:1") == b"theirs"
    a.write([])


def test_a_thousand_cost_one_call(redis_client: redis.Redis) -> None:
    names = [str(number) for number in range(1000)]
    table = a_table(redis_client, "a:1")
    assert len(table.exchange(names).gained) == 1000
    redis_client.config_resetstat()
    table.exchange(names)
    assert redis_client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1
