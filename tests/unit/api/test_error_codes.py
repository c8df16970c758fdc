"""docs/api.md names every code that an answer can bear."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from app.api.errors import CAMREC_ERRORS, HTTP_ERRORS

ROOT = Path(__file__).parents[3]
RAISED_BY = {"ApiError": 1, "_unavailable": 0}
"""What makes a failure → which of its arguments is the code."""


def raised() -> Iterator[str]:
    """Codes that stand in the routes' own refusals."""
    for path in (ROOT / "app" / "api").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            place = RAISED_BY.get(node.func.id)
            if place is not None and isinstance(node.args[place], ast.Constant):
                yield str(node.args[place].value)


def test_every_code_is_explained() -> None:
    explained = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "api.md").read_text("utf-8").partition("## Errors")[2]))
    known = {*raised(), *(code for _, code in CAMREC_ERRORS.values()), *(code for code, _ in HTTP_ERRORS.values())}
    assert "frame_not_found" in known
    assert sorted(known - explained) == []
