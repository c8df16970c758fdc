"""Tokens say how long they waited, by the clock of Redis."""

from __future__ import annotations

import pytest
import redis

from core import keys
from core.recognitions import RECOGNITIONS
from storage.frames import tokens as tokens_module
from storage.frames.tokens import Offer, Tokens
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PLATES = RECOGNITIONS["plates"]
CAMERA = 7


def test_a_token_waits_from_its_grant_until_it_is_taken(redis_client: redis.Redis) -> None:
    tokens, key = Tokens(redis_client), keys.token("plates", CAMERA)
    assert tokens.offer(PLATES, [CAMERA]) == [Offer.GRANTED]
    wait_until(lambda: redis_client.pttl(key) < 4700, "some time passes in Redis", 2)
    assert tokens.offer(PLATES, [CAMERA]) == [Offer.SUPERSEDES], "a newer frame: the token is as old as it was"
    (waited_s,) = tokens.take(PLATES, [CAMERA])
    assert waited_s is not None
    assert 0.3 < waited_s < 2.0
    assert tokens.offer(PLATES, [CAMERA]) == [Offer.GRANTED]


@pytest.mark.parametrize("lost", ["never granted", "expired", "taken by another"])
def test_of_a_token_that_is_gone_the_wait_is_not_known(
    lost: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(redis_client)
    if lost == "expired":
        monkeypatch.setattr(tokens_module, "TOKEN_LIFETIME_S", 0.02)
        tokens.offer(PLATES, [CAMERA])
        wait_until(lambda: not redis_client.exists(keys.token("plates", CAMERA)), "it expires", 2)
    elif lost == "taken by another":
        tokens.offer(PLATES, [CAMERA])
        tokens.take(PLATES, [CAMERA])
    before = int(redis_client.hget(keys.SERVED, f"plates:{CAMERA}") or 0)
    assert tokens.take(PLATES, [CAMERA]) == [None]
    assert int(redis_client.hget(keys.SERVED, f"plates:{CAMERA}") or 0) == before + 1, (
        "its frame is served all the same"
    )


def test_tokens_of_a_batch_are_taken_at_once_each_with_its_own_wait(redis_client: redis.Redis) -> None:
    tokens = Tokens(redis_client)
    tokens.offer(PLATES, [CAMERA, CAMERA + 2])
    first_s, none, last_s = tokens.take(PLATES, [CAMERA, CAMERA + 1, CAMERA + 2])
    assert none is None
    assert first_s is not None
    assert last_s is not None
    assert not redis_client.exists(*(keys.token("plates", CAMERA + n) for n in range(3)))
    assert redis_client.hgetall(keys.SERVED) == {f"plates:{CAMERA + n}".encode(): b"1" for n in range(3)}


def test_the_cameras_of_a_process_cost_one_call(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, cameras = Tokens(redis_client), range(25)
    tokens.offer(PLATES, [3])
    redis_client.config_resetstat()
    assert tokens.offer(PLATES, cameras) == [Offer.SUPERSEDES if c == 3 else Offer.GRANTED for c in cameras]
    stats = redis_client.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 1
    monkeypatch.setattr(tokens_module, "MAX_QUEUE_LENGTH", 0)
    assert tokens.offer(PLATES, [3, 26]) == [Offer.QUEUE_FULL] * 2
