"""The one way to connect to Redis."""

from __future__ import annotations

import redis

from core.settings import Settings

SOCKET_TIMEOUT_S = 5.0


def connect_redis(settings: Settings, timeout_s: float = SOCKET_TIMEOUT_S) -> redis.Redis:
    """A client (own pool, safe for threads) that never waits longer than ``timeout_s`` for a dead peer.

    No retries inside: the callers know whether to drop, to wait or to answer 503.

    Raises:
        UnavailableError: no Redis is configured.
    """
    return redis.Redis.from_url(
        settings.resolve_redis_url(),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        socket_keepalive=True,
        health_check_interval=15,
        retry=None,
        decode_responses=False,
    )
