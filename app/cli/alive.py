"""``camrec alive``: for the health checks of containers."""

from __future__ import annotations

import socket
import sys

import click
import redis

from app.api.signs_of_life import alive as alive_signs
from core import keys
from core.redis_client import connect_redis
from core.settings import Settings, get_settings

TIMEOUT_S = 3.0


@click.command()
@click.argument("what", type=click.Choice(["capture", "worker"]))
def alive(what: str) -> None:
    """Say whether the capture or a worker of this machine gives signs of life: exit status 0, else 1.

    A container's readiness, not its liveness: while Redis is down there are no signs, yet capture goes on recording.
    """
    try:
        names = _names(what, get_settings())
    except redis.RedisError as error:
        click.echo(f"Redis cannot be asked: {error}", err=True)
        sys.exit(1)
    click.echo(", ".join(names) or f"no sign of life of a {what} on this machine")
    sys.exit(0 if names else 1)


def _names(what: str, settings: Settings) -> list[str]:
    client = connect_redis(settings, TIMEOUT_S)
    if what == "capture":
        return [name for name in alive_signs(client, keys.CAPTURE_NODES) if name == settings.node]
    workers = alive_signs(client, keys.WORKERS)
    return [name for name, sign in workers.items() if sign.get("host") == socket.gethostname()]
