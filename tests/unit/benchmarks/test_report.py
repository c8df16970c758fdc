"""Which changes of the tree put a plus behind a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks import report


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in ("docs/performance.md", "docs/images/soak.png", "docs/scaling.md", "benchmarks/results/latency.json"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("before")
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "all")):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    monkeypatch.setattr(report, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "has_plus"),
    [
        (None, False),
        ("benchmarks/results/latency.json", False),
        ("docs/performance.md", False),
        ("docs/images/soak.png", False),
        ("docs/scaling.md", True),
    ],
    ids=["nothing", "a result", "the page", "a plot", "anything else"],
)
def test_what_benchmarks_write_is_no_change_of_what_they_measure(
    tree: Path, changed: str | None, has_plus: bool
) -> None:
    if changed:
        (tree / changed).write_text("after")
    assert report._commit().endswith("+") is has_plus
    assert len(report._commit().rstrip("+")) == 12
