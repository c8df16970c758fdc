"""Entries of a list of plates as CSV (RFC 4180), for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from marshmallow import ValidationError

from app.api.errors import ApiError
from app.api.plates.schemas import PlateEntrySchema
from core.plates import PlateListEntry

MIMETYPE = "text/csv"
COLUMNS = ("plate", "owner", "note", "valid_from", "valid_until")
MOST_FAULTS_SHOWN = 20

_FORMULA_STARTS = ("=", "+", "-", "@", "'")


def to_csv(entries: Iterable[PlateListEntry]) -> str:
    """Header and a line for each entry. What a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for entry in PlateEntrySchema(many=True).dump(entries):
        writer.writerow({name: _guarded(entry[name] or "") for name in COLUMNS})
    return out.getvalue()


def from_csv(data: bytes) -> list[dict[str, Any]]:
    """Entries of a file with a header; ``plate`` is needed, separators may be commas or semicolons.

    Raises:
        ApiError: 400, no UTF-8 or no CSV; 422, columns or cells that are wrong, by line.
    """
    try:
        text = data.decode("utf-8-sig")
        first_line = text.partition("\n")[0]
        reader = csv.DictReader(
            io.StringIO(text, newline=""), delimiter=";" if ";" in first_line else ",", strict=True, restkey="more"
        )
        header = reader.fieldnames or []
        _check_header(header)
        rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ApiError(400, "bad_csv", f"The body is not CSV in UTF-8: {error}.") from None
    return _loaded(rows)


def _check_header(header: Iterable[str]) -> None:
    names = list(header)
    if "plate" not in names or set(names) - set(COLUMNS) or len(set(names)) < len(names):
        raise ApiError(
            422, "bad_csv", f"Expected a header with plate and some of {', '.join(COLUMNS[1:])}; got {names!r}."
        )


def _loaded(rows: list[tuple[int, dict[str, str | None]]]) -> list[dict[str, Any]]:
    schema = PlateEntrySchema()
    entries, faults = [], {}
    for line, row in rows:
        cells = {name: _bare(cell) if isinstance(cell, str) else cell for name, cell in row.items() if cell}
        try:
            entries.append(schema.load(cells))
        except ValidationError as error:
            faults[f"line {line}"] = error.messages
    if faults:
        shown = dict(list(faults.items())[:MOST_FAULTS_SHOWN])
        raise ApiError(422, "invalid", f"{len(faults)} lines are wrong; nothing was imported.", errors=shown)
    return entries


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _bare(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA_STARTS) else cell
