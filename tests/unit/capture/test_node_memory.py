"""What a capture node remembers over its restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.node_memory import NodeMemory, Remembered, at_first
from core.settings import load_settings

FIRST = Remembered(is_alone=False)


def a_memory(folder: Path) -> NodeMemory:
    memory = NodeMemory(folder, FIRST)
    assert memory.lock()
    return memory


def test_is_the_same_node_after_a_restart(tmp_path: Path) -> None:
    first = a_memory(tmp_path / "run")
    mark, known = first.mark, Remembered(frozenset({1, 20}), is_alone=False)
    assert first.remembered == FIRST
    first.remember(known)
    assert not NodeMemory(tmp_path / "run", FIRST).lock(), "while the first one lives"
    del first  # and its lock with it
    again = a_memory(tmp_path / "run")
    assert (again.mark, again.remembered) == (mark, known)
    assert a_memory(tmp_path / "other").mark != mark


@pytest.mark.parametrize(
    ("database_url", "is_alone"),
    [
        pytest.param("", True, id="SQLite by default"),
        pytest.param("sqlite:////var/lib/camrec.db", True, id="SQLite"),
        pytest.param("postgresql://camrec@10.0.0.1/camrec", False, id="PostgreSQL, maybe of others, too"),
    ],
)
def test_is_alone_at_first_only_where_no_other_can_be(tmp_path: Path, database_url: str, is_alone: bool) -> None:
    settings = load_settings({"CAMREC_DATABASE_URL": database_url}, tmp_path / "none.env")
    assert at_first(settings).is_alone is is_alone


def test_has_its_mark_from_the_start(tmp_path: Path) -> None:
    mark = a_memory(tmp_path).mark
    assert a_memory(tmp_path).mark == mark


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mark": "x", "cameras": ["y"], "is_alone": true}'])
def test_begins_anew_where_the_file_is_broken(tmp_path: Path, text: str) -> None:
    (tmp_path / "capture.json").write_text(text)
    memory = a_memory(tmp_path)
    assert memory.remembered == FIRST
    memory.remember(Remembered(frozenset({3})))
    del memory
    assert a_memory(tmp_path).remembered.cameras == {3}
