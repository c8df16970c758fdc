"""``camrec backup`` and ``camrec restore``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from core.clock import SystemClock
from core.settings import get_settings

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
def backup(file: Path, media: bool, since: Path | None, encrypt: bool, passphrase_stdin: bool) -> None:
    """Write database, key and own models to FILE, while the system runs."""
    from storage.backup.backup import back_up
    from storage.backup.chain import open_earlier

    if since is not None and not media:
        raise click.UsageError("--since goes with --media: the rest is whole in every backup.")
    passphrase = _ask(passphrase_stdin, confirm=True) if encrypt or passphrase_stdin else None
    earlier = open_earlier(since, passphrase) if since is not None else None
    made = back_up(get_settings(), file, SystemClock(), passphrase, media, earlier)
    click.echo(f"Wrote {file} ({made.size_bytes / 1e6:.1f} MB).")
    if made.redis_missing is not None:
        click.echo(
            f"Without the judges' checkpoints, so events that go on now end there: {made.redis_missing}", err=True
        )
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
def restore(file: Path, data: Path | None, bases: tuple[Path, ...], passphrase_stdin: bool) -> None:
    """Make the data folder that `camrec backup` wrote to FILE anew. The folder must be empty, or not be there."""
    from storage.backup.archive import needs_passphrase
    from storage.backup.restore import restore as restore_into

    folder = (data or get_settings().data).resolve()
    encrypted = any(map(needs_passphrase, (file, *bases)))
    passphrase = _ask(passphrase_stdin, confirm=False) if passphrase_stdin or encrypted else None
    about = restore_into(file, folder, passphrase, bases)
    click.echo(f"Restored the backup of {about['made_at']} into {folder}. Start it: camrec up --data {folder}")
    if about["settings"]:
        click.echo("Settings of the old machine:")
        for name, value in about["settings"].items():
            click.echo(f"  {name}={value}")


def _ask(from_stdin: bool, confirm: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("No terminal to ask for the passphrase: give it with --passphrase-stdin.")
    answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
    return answer
