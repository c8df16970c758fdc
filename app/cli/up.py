"""``camrec up``: everything on this machine."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click

from core.log import setup_logging
from core.settings import Settings, get_settings


@click.command()
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Folder of database, media and keys.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the API, 15439 by default.")
@click.option("--host", help="Address on which the API listens, 127.0.0.1 by default.")
def up(data: Path | None, port: int | None, host: str | None) -> None:
    """Run everything on this machine, until Ctrl-C or SIGTERM: Redis, API, capture, workers, beat."""
    settings = settings_with(data=data, port=port, host=host)
    setup_logging("up", settings)
    from app.system import System, sole_user_of

    with sole_user_of(settings.data):
        system = System(settings)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: system.supervisor.request_stop())
        try:
            password = system.start()
            click.echo(f"camrec runs: http://{settings.host}:{settings.port}/docs   data in {settings.data}")
            if password is not None:
                click.echo(
                    f"First login: admin / {password}   (shown this once; `camrec users password admin` changes it)"
                )
            system.supervisor.run()
        finally:
            system.stop()


def settings_with(**options: object) -> Settings:
    """The settings with options of the command line over them, for this process and its children alike."""
    for name, value in options.items():
        if value is not None:
            os.environ[f"CAMREC_{name.upper()}"] = str(value.resolve() if isinstance(value, Path) else value)
    get_settings.cache_clear()
    return get_settings()
