"""``camrec demo``: the whole system with cameras that show a generated street."""

from __future__ import annotations

import secrets
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

import click

from app.cli.up import settings_with
from core.errors import CamrecError
from core.log import setup_logging
from core.settings import get_settings


@click.command()
@click.option("--for", "duration_s", type=click.FloatRange(min=1), metavar="SECONDS", help="Stop after this time.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Keep the demo's data in this folder.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the API; 15439, or a free one where that is taken."
)
def demo(duration_s: float | None, data: Path | None, port: int | None) -> None:
    """Run everything with two cameras that show a generated street, until Ctrl-C.

    Its data folder is its own, and is removed at the end unless --data names one. With --for, the exit status is 0
    only if frames and events came.
    """
    folder = Path(tempfile.mkdtemp(prefix="camrec-demo-")) if data is None else data
    finished_well = False
    try:
        finished_well = _run(folder, duration_s, port)
    finally:
        if data is None and finished_well:
            shutil.rmtree(folder, ignore_errors=True)
        elif not finished_well:
            click.echo(f"What the processes said stands in {folder / 'demo.log'}", err=True)
    sys.exit(0 if finished_well else 1)


def _run(folder: Path, duration_s: float | None, port: int | None) -> bool:
    """Run the demo; whether it did what it was asked to."""
    from app.demo.client import ApiClient, ApiError
    from app.demo.setting import make_street_cameras
    from app.demo.show import DemoShow
    from app.ports import free_port_like
    from app.system import System, sole_user_of

    password = get_settings().admin_password
    shown = secrets.token_urlsafe(9) if password is None else password.get_secret_value()
    settings = settings_with(data=folder, port=port or free_port_like(get_settings().port), admin_password=shown)
    setup_logging("demo", settings)
    with sole_user_of(settings.data), (folder / "demo.log").open("ab") as output:
        click.echo("Making the footage of a street …")
        street = make_street_cameras(folder / "footage")
        base = f"http://{settings.host}:{settings.port}"
        system = System(settings, output)
        show = DemoShow(ApiClient(f"{base}/api/v1"), shown, street.cameras)
        failure: list[BaseException] = []

        def tell() -> None:
            try:
                show.run(duration_s)
            except (ApiError, CamrecError) as error:
                failure.append(error)
            finally:
                system.supervisor.request_stop()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: system.supervisor.request_stop())
        try:
            click.echo("Starting Redis, API, capture and workers …")
            system.start()
            system.supervisor.start(street.program)
            click.echo(f"\n  Open {base}/docs\n  Log in as admin / {shown}\n  Ctrl-C ends it\n")
            thread = threading.Thread(target=tell, name="show", daemon=True)
            thread.start()
            system.supervisor.run()
            show.stop()
            thread.join(5)
        finally:
            system.stop()
    for error in failure:
        click.echo(f"Error: {error}", err=True)
    seen = show.seen
    click.echo(f"Seen: {len(seen.plates)} plates, frames {'came' if seen.frames_came else 'did not come'}.")
    return not failure and (duration_s is None or (seen.frames_came and bool(seen.plates)))
