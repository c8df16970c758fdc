"""``camrec backup`` and ``camrec restore``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from app.cli.progress import shown_progress
from core.clock import SystemClock
from core.settings import get_settings

_json = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
_passphrase_stdin = click.option(
    "--passphrase-stdin", is_flag=True, help="Read the passphrase from standard input (its first line)."
)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--media", is_flag=True, help="Pictures, clips and recordings, too.")
@click.option(
    "--since",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --media: only those not in this earlier backup and the ones that it builds on.",
)
@click.option("--encrypt", is_flag=True, help="Encrypt with a passphrase, which is asked for.")
@_passphrase_stdin
@_json
def backup(file: Path, media: bool, since: Path | None, encrypt: bool, passphrase_stdin: bool, as_json: bool) -> None:
    """Write database (SQLite or PostgreSQL), key and own models to FILE, while the system runs."""
    from storage.backup.backup import back_up
    from storage.backup.chain import open_earlier

    if since is not None and not media:
        raise click.UsageError("--since goes with --media: the rest is whole in every backup.")
    passphrase = _ask(passphrase_stdin, confirm=True) if encrypt or passphrase_stdin else None
    earlier = open_earlier(since, passphrase) if since is not None else None
    with shown_progress() as progress:
        made = back_up(get_settings(), file, SystemClock(), passphrase, media, earlier, progress=progress)
    if as_json:
        click.echo(json.dumps({"file": str(file), **asdict(made)}))
        return
    click.echo(f"Wrote {file} ({made.size_bytes / 1e6:.1f} MB).")
    if made.redis_missing is not None:
        click.echo(
            f"Without the judges' checkpoints, so events that go on now end there: {made.redis_missing}", err=True
        )
    _say_missing(asdict(made.media_missing))
    if earlier is not None:
        click.echo("To restore it, keep the earlier backups that it builds on beside it.")
    if passphrase is None:
        click.echo("It holds the key to the cameras' passwords and is not encrypted: keep it as safe as they are.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="The new data folder; CAMREC_DATA by default.")
@click.option(
    "--base",
    "bases",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An earlier backup that FILE builds on, where it is not beside FILE; may be given several times.",
)
@_passphrase_stdin
@_json
def restore(file: Path, data: Path | None, bases: tuple[Path, ...], passphrase_stdin: bool, as_json: bool) -> None:
    """Make the data folder that `camrec backup` wrote to FILE anew. The folder must be empty, or not be there.

    Where CAMREC_DATABASE_URL names a PostgreSQL database, the rows go there; it must be empty, too.
    """
    from storage.backup.archive import needs_passphrase
    from storage.backup.restore import restore as restore_into
    from storage.database import is_postgres

    settings = get_settings()
    folder = (data or settings.data).resolve()
    encrypted = any(map(needs_passphrase, (file, *bases)))
    passphrase = _ask(passphrase_stdin, confirm=False) if passphrase_stdin or encrypted else None
    with shown_progress() as progress:
        about = restore_into(settings, file, folder, passphrase, bases, progress=progress)
    if as_json:
        click.echo(json.dumps({"data": str(folder), **about}))
        return
    if is_postgres(settings):
        click.echo("Its rows are in the database that CAMREC_DATABASE_URL names.")
    if about.get("node") not in {None, settings.node}:
        click.echo(f"What lay on machine {about['node']} is {settings.node}'s now: keep that name (CAMREC_NODE).")
    click.echo(f"Restored the backup of {about['made_at']} into {folder}. Start it: camrec up --data {folder}")
    _say_missing(about.get("media_missing"))
    if about["settings"]:
        click.echo("Settings of the old machine:")
        for name, value in about["settings"].items():
            click.echo(f"  {name}={value}")


def _say_missing(media: dict[str, Any] | None) -> None:
    if media and media["count"]:
        click.echo(f"Without {media['count']} media files that could not be read whole:", err=True)
        for name, why in media["first"].items():
            click.echo(f"  {name}: {why}", err=True)


def _ask(from_stdin: bool, confirm: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("No terminal to ask for the passphrase: give it with --passphrase-stdin.")
    answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
    return answer
