"""What a capture node remembers over its restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.node_memory import NodeMemory, Remembered


def a_memory(folder: Path) -> NodeMemory:
    memory = NodeMemory(folder)
    assert memory.lock()
    return memory


def test_is_the_same_node_after_a_restart(tmp_path: Path) -> None:
    first = a_memory(tmp_path / "run")
    mark, known = first.mark, Remembered(frozenset({1, 20}), is_alone=False)
    assert first.remembered == Remembered()
    first.remember(known)
    assert not NodeMemory(tmp_path / "run").lock(), "while the first one lives"
    del first  # and its lock with it
    again = a_memory(tmp_path / "run")
    assert (again.mark, again.remembered) == (mark, known)
    assert a_memory(tmp_path / "other").mark != mark


def test_has_its_mark_from_the_start(tmp_path: Path) -> None:
    mark = a_memory(tmp_path).mark
    assert a_memory(tmp_path).mark == mark


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mark": "x", "cameras": ["y"], "is_alone": true}'])
def test_begins_anew_where_the_file_is_broken(tmp_path: Path, text: str) -> None:
    (tmp_path / "capture.json").write_text(text)
    memory = a_memory(tmp_path)
    assert memory.remembered == Remembered()
    memory.remember(Remembered(frozenset({3})))
    del memory
    assert a_memory(tmp_path).remembered.cameras == {3}
