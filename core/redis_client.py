"""The one way to connect to Redis."""

from __future__ import annotations

import redis

from core.errors import BadSettingError
from core.settings import Settings

SOCKET_TIMEOUT_S = 5.0


def connect_redis(settings: Settings, timeout_s: float = SOCKET_TIMEOUT_S) -> redis.Redis:
    """A client of the broker (own pool, safe for threads) that never waits longer than ``timeout_s`` for a dead peer.

    No retries inside: the callers know whether to drop, to wait or to answer 503.

    Raises:
        UnavailableError: no Redis is configured.
        BadSettingError: its URL is wrong.
    """
    return _connect(settings.resolve_redis_url(), "CAMREC_REDIS_URL", timeout_s)


def connect_frames_redis(settings: Settings, timeout_s: float = SOCKET_TIMEOUT_S) -> redis.Redis:
    """The same of the Redis through which frames go.

    Raises:
        UnavailableError: no Redis is configured.
        BadSettingError: its URL is wrong.
    """
    setting = "CAMREC_REDIS_URL" if settings.frames_redis_url is None else "CAMREC_FRAMES_REDIS_URL"
    return _connect(settings.resolve_frames_redis_url(), setting, timeout_s)


def _connect(url: str, setting: str, timeout_s: float) -> redis.Redis:
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            socket_keepalive=True,
            health_check_interval=15,
            retry=None,
            decode_responses=False,
        )
    except ValueError:
        # What redis-py says may quote a part of the password.
        raise BadSettingError(
            f"{setting} is not one that can be used: redis://HOST:6379/0 is expected, with a colon, the password "
            "(special characters percent-encoded) and @ before HOST where there is one."
        ) from None
