"""``camrec capture``: watch the cameras."""

from __future__ import annotations

import signal

import click

from core.log import setup_logging
from core.settings import get_settings


@click.command()
def capture() -> None:
    """Run capture alone: it reads every camera's stream and hands frames to the workers."""
    settings = get_settings()
    setup_logging("capture", settings)
    from capture.node import CaptureNode

    node = CaptureNode(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.request_stop())
    node.run()
