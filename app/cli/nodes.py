"""``camrec nodes``: the machines of the installation that hold media."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import click
import redis

from app.cli.progress import shown_progress
from app.cli.services import open_services
from app.cli.tables import print_table
from core.errors import CamrecError, UnavailableError
from storage.media_nodes import MediaNode, MediaNodes
from storage.node_rows import adopt_node, forget_node, held_bytes


@click.group()
def nodes() -> None:
    """Machines that hold media."""


@nodes.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_nodes(*, as_json: bool) -> None:
    """Show who holds how much, and who serves it where."""
    with open_services() as services:
        held = held_bytes(services.database)
        known = MediaNodes(services.settings).all()
        own = services.settings.node
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "url": known[name].url if name in known else None,
            "state": _state(known.get(name), name == own),
            "held_bytes": held.get(name, 0),
        }
        for name in sorted(held.keys() | known.keys() | {own})
    ]
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_table(
            ("name", "state", "address", "holds"),
            ((n["name"], n["state"], n["url"] or "-", f"{held.get(n['name'], 0) / 1e9:.1f} GB") for n in found),
        )


@nodes.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(name: str, *, yes: bool) -> None:
    """Drop the rows of what lay on a machine that is gone for good.

    What has a copy in the bucket stays.
    """
    with open_services() as services:
        known = MediaNodes(services.settings)
        node = known.all().get(name)
        _refuse_living(services.settings.node, name, node)
        if not yes:
            held = held_bytes(services.database).get(name, 0)
            click.confirm(f"Forget machine {name}, and {held / 1e9:.1f} GB of media on its disk?", abort=True)
        with shown_progress() as progress:
            lost = forget_node(services.database, name, services.settings.node, progress)
        known.forget(name)
    click.echo(f"Forgot {name}: " + ", ".join(f"{count} {kind}" for kind, count in lost.items()) + " are lost.")


@nodes.command()
@click.argument("name", required=False)
@click.option("--unnamed", is_flag=True, help="The rows that are older than names of machines, in place of NAME.")
def adopt(name: str | None, *, unnamed: bool) -> None:
    """Take over the rows of a machine whose media folder is this machine's now.

    For a disk that was moved, or a machine that got another name. Works before `camrec up`, too.
    """
    if (name is None) != unnamed:
        raise click.UsageError("Either NAME or --unnamed is expected.")
    with open_services() as services:
        known, own = MediaNodes(services.settings), services.settings.node
        if name is not None:
            _refuse_living(own, name, _heard_of(known, name))
        with shown_progress() as progress:
            count = adopt_node(services.database, name, own, progress)
        if name is not None:
            with suppress(redis.RedisError, UnavailableError):
                known.forget(name)
    click.echo(f"{count} rows of {name or 'no machine'} are those of {own} now; `camrec recordings check` compares.")


def _heard_of(known: MediaNodes, name: str) -> MediaNode | None:
    try:
        return known.all().get(name)
    except UnavailableError:
        click.echo(f"Redis cannot be asked whether {name} is alive: it is taken for gone.", err=True)
        return None


def _refuse_living(own: str, name: str, node: MediaNode | None) -> None:
    if name == own:
        raise CamrecError(f"{name} is this machine's own name (CAMREC_NODE).")
    if node is not None and node.is_alive:
        raise CamrecError(f"Machine {name} is alive: stop its `camrec media` first, or leave it.")


def _state(node: MediaNode | None, is_own: bool) -> str:
    if node is None:
        return "this machine" if is_own else "never heard of"
    return "alive" if node.is_alive else f"silent for {node.silent_s:.0f} s"
