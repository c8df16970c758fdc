"""``camrec api``: the REST API."""

from __future__ import annotations

import logging

import click

from app.cli.up import settings_with
from app.first_admin import FIRST_ADMIN, ensure_admin
from app.ports import check_port_is_free
from core.log import setup_logging
from core.settings import Settings
from storage.database import Database
from storage.frames.store import open_frame_store
from storage.users import UserStore

log = logging.getLogger(__name__)


@click.command()
@click.option("--host", help="Address to listen on, 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on, 15439 by default.")
def api(host: str | None, port: int | None) -> None:
    """Run the REST API: /docs shows it, /api/v1/health says whether everything runs."""
    settings = settings_with(host=host, port=port)
    setup_logging("api", settings)
    check_port_is_free(settings.host, settings.port)
    open_frame_store(settings).close()
    _prepare_database(settings)
    from app.api.server import Server

    log.info("Serving on http://%s:%d/docs", settings.host, settings.port)
    Server(settings, settings.host, settings.port).run()


def _prepare_database(settings: Settings) -> None:
    database = Database(settings)
    try:
        database.migrate()
        password = ensure_admin(UserStore(database), settings)
    finally:
        database.close()
    if password is not None:
        click.echo(f"First login: {FIRST_ADMIN} / {password}   (shown this once)")
