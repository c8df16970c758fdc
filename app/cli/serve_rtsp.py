"""``camrec serve-rtsp``: files as RTSP cameras, for trials and tests."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from app.demo.rtsp import RtspServer
from core.redact import redact


class _Credentials(click.ParamType[tuple[str, str]]):
    name = "USER:PASSWORD"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        user, separator, password = value.partition(":")
        if not (user and separator):
            self.fail("expected USER:PASSWORD", param, ctx)
        return user, password


@click.command("serve-rtsp")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--port", type=click.IntRange(0, 65535), default=8554, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--auth", type=_Credentials(), help="What viewers must know (digest authentication).")
@click.option(
    "--copies", type=click.IntRange(1), default=1, show_default=True, help="Cameras for each file: stem-1, stem-2, ..."
)
def serve_rtsp(files: tuple[Path, ...], port: int, host: str, auth: tuple[str, str] | None, copies: int) -> None:
    """Play H.264 or H.265 files in a loop as RTSP cameras at rtsp://HOST:PORT/<file stem>, until stopped.

    The URLs are printed one per line. Cameras of one file start at different places of it.
    AAC, Opus and G.711 are heard, other sound is left out.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with RtspServer(_mounts(files, copies), host=host, port=port, auth=auth) as server:
        for name in server.names:
            click.echo(redact(server.url(name)))
        stop.wait()


def _mounts(files: tuple[Path, ...], copies: int) -> dict[str, Path]:
    mounts: dict[str, Path] = {}
    for path in files:
        for name in [path.stem] if copies == 1 else [f"{path.stem}-{n}" for n in range(1, copies + 1)]:
            if name in mounts:
                raise click.UsageError(f"{mounts[name]} and {path} would both be the camera {name!r}: rename one")
            mounts[name] = path
    return mounts
