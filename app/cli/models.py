"""``camrec models``: which models are there, and how to get others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Column, Table

from app.cli.model_choice import use
from app.cli.own_models import add, check
from core.errors import CamrecError
from core.settings import get_settings
from inference.catalogue import ModelStore, entry_of, load_catalogue
from inference.manifest import ModelEntry
from inference.pull import Pulled, PullResult
from inference.pull import pull as pull_models
from inference.recognisers import models_in_use


@click.group()
def models() -> None:
    """See which models are there, fetch others, add your own and choose between them."""


for command in (add, check, use):
    models.add_command(command)


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_models(as_json: bool) -> None:
    """Show the catalogue: what is there, under which licence, and which recognition uses what now."""
    store = ModelStore(get_settings().models_dir)
    used_by = models_in_use(store)
    rows = [_row(entry, store, used_by) for entry in store.entries()]
    if as_json:
        click.echo(json.dumps({"models_dir": str(store.models_dir), "models": rows}, ensure_ascii=False))
        return
    table = Table(Column("Model", no_wrap=True), "Status", "Used by", "Licence", "MB", box=None)
    for row in rows:
        megabytes = f"{row['size_bytes'] / 1e6:.1f}"
        table.add_row(row["name"], row["status"], ", ".join(row["used_by"]) or "-", row["licence"], megabytes)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    for row in rows:
        console.print(f"\n{row['name']}, {row['task']}: {row['good_for']}\n  {row['source']}", markup=False)


@models.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--from",
    "source",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Copy what is in this folder instead of downloading.",
)
def pull(names: tuple[str, ...], source: Path | None) -> None:
    """Fetch models, by default the set that makes every recognition as good as it gets.

    Every file is checked against the size and SHA-256 in the catalogue. A download that broke off goes on where it was.
    """
    entries = [entry_of(name) for name in names] or [e for e in load_catalogue().values() if e.default]
    pulled = _pull_with_bar(entries, get_settings().models_dir, source)
    for one in pulled:
        click.echo(f"{one.entry.name}: {one.result}")
    absent = [one.entry.name for one in pulled if one.result is PullResult.NOT_THERE]
    # Asked for by name and not got is a failure; of the default set, what is there is taken.
    if absent and (names or len(absent) == len(pulled)):
        raise CamrecError(f"Not found in {source}: {', '.join(absent)}.")


def _pull_with_bar(entries: Sequence[ModelEntry], models_dir: Path, source: Path | None) -> list[Pulled]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {entry.name: bars.add_task(entry.name, total=entry.size_bytes, start=False) for entry in entries}

        def show(entry: ModelEntry, done_bytes: int) -> None:
            bars.start_task(tasks[entry.name])
            bars.update(tasks[entry.name], completed=done_bytes)

        return pull_models(entries, models_dir, source, show)


def _row(entry: ModelEntry, store: ModelStore, used_by: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    return {
        "name": entry.name,
        "status": store.status(entry.name).value,
        "used_by": [kind for kind, names in used_by.items() if entry.name in names],
        "task": entry.task,
        "licence": entry.licence,
        "size_bytes": entry.size_bytes,
        "sha256": entry.sha256,
        "good_for": entry.good_for,
        "source": entry.source,
        "default": entry.default,
    }
