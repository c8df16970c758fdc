"""How far a backup is, on a terminal and in a log."""

from __future__ import annotations

import pytest

from app.cli import progress
from app.cli.progress import shown_progress


@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "log"])
def test_progress_is_said_on_standard_error_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.0)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TTY_COMPATIBLE", "1" if is_terminal else "0")
    with shown_progress() as tell:
        tell("writing the archive", 1_500_000, 3_000_000)
        tell("reading PostgreSQL", 2000, 1_234_567, "rows")
    out, err = capsys.readouterr()
    assert out == ""
    for said in ("writing the archive", "1.5 MB of 3.0 MB", "reading PostgreSQL", "2,000 of 1,234,567 rows"):
        assert said in err
    assert ("\x1b" in err) == is_terminal


def test_what_is_over_quickly_says_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "0")
    with shown_progress() as tell:
        tell("writing the archive", 1, 2)
    assert capsys.readouterr() == ("", "")
