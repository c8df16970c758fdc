from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.times import parse_time
from core.clock import iso_utc

MORNING = datetime(2026, 11, 24, 5, 45, 43, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [
        pytest.param("2026-11-24T05:45:43Z", MORNING, id="UTC"),
        pytest.param("2026-11-24T05:45:43.250Z", MORNING + 0.25, id="milliseconds"),
        pytest.param("2026-11-24T06:45:43+01:00", MORNING, id="another zone"),
        pytest.param("2026-11-24T06:45:43 01:00", MORNING, id="a plus that arrived as a space"),
        pytest.param("2026-11-24T06:45:43 0100", MORNING, id="a lost plus without colon"),
        pytest.param(" 2026-11-24T05:45:43Z ", MORNING, id="spaces around"),
        pytest.param(str(MORNING), MORNING, id="epoch as text"),
        pytest.param(MORNING, MORNING, id="epoch as number"),
        pytest.param(0, 0.0, id="the epoch itself"),
    ],
)
def test_moments_are_understood(given_time: object, expected: float) -> None:
    assert parse_time(given_time) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("given_time", "said"),
    [
        pytest.param("2026-11-24T05:45:43", "zone", id="naive"),
        pytest.param("2026-11-24", "zone", id="a day"),
        pytest.param("2026-11-24 05:45", "zone", id="naive with a space"),
        pytest.param("yesterday", "ISO 8601", id="words"),
        pytest.param("", "ISO 8601", id="nothing"),
        pytest.param("2026-11-24T05:45:43Z\0", "ISO 8601", id="NUL"),
        pytest.param("nan", "between", id="not a number"),
        pytest.param("1e400", "between", id="infinite"),
        pytest.param(10**400, "between", id="a number of 400 digits"),
        pytest.param(MORNING * 1000, "milliseconds", id="milliseconds"),
        pytest.param("-1", "between", id="before 1970"),
        pytest.param("1969-12-31T23:59:59Z", "1970", id="before 1970 in ISO"),
        pytest.param("0001-01-01T00:00:00+14:00", "1970", id="before the calendar"),
        pytest.param(True, "Not a time", id="a truth value"),
        pytest.param(None, "Not a time", id="null"),
        pytest.param([MORNING], "Not a time", id="a list"),
    ],
)
def test_what_is_no_moment_is_refused_with_a_reason(given_time: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_time(given_time)


@given(st.integers(0, 253_402_214_400_000))
def test_what_answers_show_is_read_back(epoch_ms: int) -> None:
    assert parse_time(iso_utc(epoch_ms / 1000)) == pytest.approx(epoch_ms / 1000, abs=0.0011)


@given(st.text())
def test_any_text_is_a_time_or_refused_with_words(text: str) -> None:
    try:
        result: float | str = parse_time(text)
    except ValueError as error:
        result = str(error)
    assert result != ""
    assert isinstance(result, str) or result >= 0
