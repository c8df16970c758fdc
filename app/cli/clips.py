"""``camrec clips``: check evidence."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path

import click

from core.errors import CamrecError
from core.settings import get_settings
from storage.clips.manifest import manifest_path, public_bytes
from storage.clips.manifest import verify as verify_clip
from storage.secrets import Secrets


@click.group()
def clips() -> None:
    """Clips as evidence: signatures."""


@clips.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--manifest",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its manifest; FILE.manifest.json by default.",
)
@click.option("--key", help="Public key that must have signed it, as `public-key` prints it; by default this one's.")
@click.option("--any-key", is_flag=True, help="Whoever signed it: proves only that file and manifest fit.")
@click.option("--json", "as_json", is_flag=True, help="The manifest as one JSON document.")
def verify(file: Path, manifest: Path | None, key: str | None, any_key: bool, as_json: bool) -> None:
    """Check that a clip is the one that was signed, by this installation or the one of --key."""
    text = _read(manifest or manifest_path(file))
    found = verify_clip(file, text, None if any_key else _trusted(key))
    if as_json:
        click.echo(json.dumps(found))
        return
    camera = found["camera"]
    click.echo(f"{file} is genuine: camera {camera['id']} {camera['name']}, {found['from']} to {found['to']}.")
    for gap in found["gaps"]:
        click.echo(f"  not shown: {gap['from']} to {gap['to']} ({gap['reason']})")


@clips.command("public-key")
def public_key() -> None:
    """Print the key by which others check clips of this installation."""
    click.echo(base64.b64encode(_own_key()).decode())


def _trusted(key: str | None) -> bytes:
    if key is None:
        return _own_key()
    try:
        return base64.b64decode(key, validate=True)
    except binascii.Error:
        raise click.BadParameter("expected what `camrec clips public-key` prints", param_hint="--key") from None


def _own_key() -> bytes:
    settings = get_settings()
    if not (settings.data / "secret.key").exists():
        raise CamrecError(f"There is no installation at {settings.data}: give the signer's key with --key.")
    return public_bytes(Secrets.of(settings).signing_key())


def _read(manifest: Path) -> bytes:
    try:
        return manifest.read_bytes()
    except OSError as error:
        raise CamrecError(f"The manifest {manifest} cannot be read: {error.strerror}. See --manifest.") from error
