"""Bytes of a CSV, JSON or YAML file → entries. Pure; what the entries say is judged by `app.camera_import.check`."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from core.errors import CamrecError

COLUMNS = ("id", "name", "url", "detect_url", "enabled", "tls_verify", "keep_fps", "recognitions", "recording")
DELIMITERS = ",;\t"

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")


class CameraFileError(CamrecError):
    """A list of cameras cannot be read as such."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in a source about one camera, unchecked."""

    place: str
    """Where it stands, for a person: ``line 3``, ``camera 2``."""
    content: Any
    """Fields as in the REST contract, or whatever stands in their place."""


def parse_csv(data: bytes) -> list[Entry]:
    """Comma, semicolon or tab separated values (RFC 4180) whose first line names the columns (`COLUMNS`).

    Empty cells mean: not given. Recognitions are ``KIND[:FPS]``, separated by semicolons.

    Raises:
        CameraFileError: it is no text, or no table with a column ``url``.
    """
    text = _decode(data)
    header = text.lstrip("\r\n").splitlines()[0]
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    entries = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if not columns:
                    columns = _columns(cells)
                else:
                    entries.append(Entry(f"line {line}", _fields(columns, cells, line)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise CameraFileError(f"Not CSV, line {line}: {error}.") from None
    return entries


def parse_json(data: bytes) -> list[Entry]:
    """A list of cameras as in the REST contract, or ``{"cameras": [...]}``.

    Raises:
        CameraFileError: it is not.
    """
    try:
        document = json.loads(_decode(data))
    except json.JSONDecodeError as error:
        raise CameraFileError(f"Not JSON, line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except (ValueError, RecursionError):
        raise CameraFileError(
            "Not JSON that can be a list of cameras: a number too long or too deeply nested."
        ) from None
    return _entries(document)


def parse_yaml(data: bytes) -> list[Entry]:
    """The same as YAML, without aliases.

    Raises:
        CameraFileError: it is not.
    """
    text = _decode(data)
    try:
        # Aliases can make a few lines mean gigabytes.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.CSafeLoader)):
            raise CameraFileError("YAML aliases (*name) are not supported: write the values out.")
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise CameraFileError(f"Not YAML{where}: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise CameraFileError("Not YAML: a value or a character in it cannot be read.") from None
    return _entries(document)


PARSERS: dict[str, Callable[[bytes], list[Entry]]] = {"csv": parse_csv, "json": parse_json, "yaml": parse_yaml}


def _decode(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise CameraFileError(
            f"Not text in UTF-8: byte {error.start + 1} of {len(data)} does not belong there. "
            "From a spreadsheet, save as »CSV UTF-8«."
        ) from None
    if "\0" in text:
        raise CameraFileError("Not text: there are NUL bytes in it.")
    if not text.strip():
        raise CameraFileError("There is nothing in it.")
    return text


def _columns(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()  # spreadsheets leave empty columns at the right
    unknown = [str(place) for place, column in enumerate(columns, 1) if column not in COLUMNS]
    if "url" not in columns or unknown or len(set(columns)) < len(columns):
        others = ", ".join(column for column in COLUMNS if column != "url")
        # What stands in the wrong cells is not shown: without a first line of names it may be a password.
        came = f"cell {', '.join(unknown)} is none of these" if unknown else f"got {', '.join(columns)}"
        raise CameraFileError(f"The first line names the columns, each once: url, and any of {others}; {came}.")
    return columns


def _fields(columns: list[str], cells: list[str], line: int) -> dict[str, Any]:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise CameraFileError(
            f"Line {line} has {len(cells)} cells, the first line {len(columns)}: "
            "a cell with the separator in it stands in quotes."
        )
    given = {column: cell.strip() for column, cell in zip(columns, cells, strict=False)}
    return {column: _value(column, cell) for column, cell in given.items() if cell}


def _value(column: str, cell: str) -> Any:
    """A cell's value, or its text where that is none: the check says so then."""
    match column:
        case "id" if _INTEGER.fullmatch(cell):
            return int(cell)
        case "enabled" | "tls_verify":
            return _FLAGS.get(cell.lower(), cell)
        case "keep_fps":
            return _number(cell)
        case "recording":
            return {"mode": cell.lower()}
        case "recognitions":
            return [parse_recognition(text) for text in cell.split(";") if text.strip()]
        case _:
            return cell


def parse_recognition(text: str) -> dict[str, Any]:
    """``KIND[:FPS]`` → as in the REST contract, unchecked."""
    kind, colon, fps = (part.strip() for part in text.partition(":"))
    return {"kind": kind, "fps": _number(fps)} if colon else {"kind": kind}


def _number(text: str) -> float | str:
    return float(text) if _NUMBER.fullmatch(text) else text


def _entries(document: Any) -> list[Entry]:
    if isinstance(document, dict) and set(document) == {"cameras"}:
        document = document["cameras"]
    if not isinstance(document, list):
        raise CameraFileError(
            'Expected a list of cameras, or {"cameras": [...]}; '
            f"got {'an object with other keys' if isinstance(document, dict) else f'a {type(document).__name__}'}."
        )
    return [Entry(f"camera {number}", content) for number, content in enumerate(document, 1)]
