"""``camrec media``: this machine's media, for the others."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import click

from app.ports import check_port_is_free
from core.errors import BadSettingError
from core.log import setup_logging
from core.settings import get_settings
from storage.database import Database

log = logging.getLogger(__name__)

_PORTS = {"http": 80, "https": 443}


@click.command()
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104  # others shall come
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; that of CAMREC_NODE_URL by default.")
def media(host: str, port: int | None) -> None:
    """Serve this machine's media to the other machines of the installation, and look after them.

    Each machine on whose disk media lie runs one where there are several machines. CAMREC_NODE_URL says how the others
    reach it, e.g. http://10.0.0.2:15440.
    """
    settings = get_settings()
    setup_logging("media", settings)
    if settings.node_url is None:
        raise BadSettingError("CAMREC_NODE_URL is not set: say how other machines reach this one, http://HOST:PORT.")
    address = urlsplit(settings.node_url)
    port = port or address.port or _PORTS[address.scheme]
    check_port_is_free(host, port)
    database = Database(settings)
    try:
        database.migrate()
    finally:
        database.close()
    from app.media_server.server import MediaServer

    log.info("Serving the media of %s at %s", settings.node, settings.node_url)
    MediaServer(settings, host, port).run()
