"""How far something long is: a bar on a terminal, else a line now and then. On standard error, beside the answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from storage.progress import Progress as Told
from storage.progress import Unit

LINE_INTERVAL_S = 5.0
"""What takes less says nothing."""


@contextmanager
def shown_progress() -> Iterator[Told]:
    """What is yielded is told how far it is."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
    )
    # Answers go where they belong, also while the bar is there: rich would take them along to the terminal.
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bars:
        yield _Bars(bars)


class _Bars:
    """One for each step."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, amount="")
        self._bars.update(self._tasks[step], completed=done, total=total, amount=_amount(done, total, unit))


class _Lines:
    """For logs."""

    def __init__(self) -> None:
        self._said_at_s = time.monotonic()

    def __call__(self, step: str, done: int, total: int, unit: Unit = "bytes") -> None:
        if time.monotonic() - self._said_at_s >= LINE_INTERVAL_S:
            self._said_at_s = time.monotonic()
            click.echo(f"{step}: {_amount(done, total, unit)}", err=True)


def _amount(done: int, total: int, unit: Unit) -> str:
    if unit == "bytes":
        return f"{decimal(done)} of {decimal(total)}"
    return f"{done:,} of {total:,} {unit}"
