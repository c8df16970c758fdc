"""Tables for people; scripts use ``--json``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 240
"""Characters in a line that goes to no terminal: cells are not folded there."""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print to standard output. Cells are shown as they are: names may hold what looks like markup."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)
