from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.cursors import MAX_ID, decode_cursor, encode_cursor
from app.api.pages import page


def raw(values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@given(st.floats(allow_nan=False, allow_infinity=False), st.uuids().map(str), st.integers(0, MAX_ID))
def test_positions_come_back_as_they_went(time_s: float, event_id: str, row_id: int) -> None:
    values = (time_s, event_id, row_id)
    assert decode_cursor(encode_cursor(values), (float, str, int)) == values


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("%%%", id="not base64"),
        pytest.param("AAAA", id="not JSON"),
        pytest.param(raw({"a": 1}), id="an object"),
        pytest.param(raw([1.5]), id="too few values"),
        pytest.param(raw([1.5, "x", "y"]), id="too many values"),
        pytest.param(raw(["1.5", "x"]), id="text for a number"),
        pytest.param(raw([1.5, 2]), id="a number for text"),
        pytest.param(raw([float("nan"), "x"]), id="not a number"),
        pytest.param(raw([float("inf"), "x"]), id="infinite"),
        pytest.param(raw([1.5, "a\0b"]), id="NUL"),
        pytest.param(raw([1.5, "x" * 65]), id="long text"),
        pytest.param(raw([True, "x"]), id="a truth value"),
        pytest.param("é", id="not ASCII"),
        pytest.param(base64.urlsafe_b64encode(b"[" * 100_000).decode(), id="nested deep"),
    ],
)
def test_foreign_cursors_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Not a cursor"):
        decode_cursor(text, (float, str))


@pytest.mark.parametrize("value", [-1, MAX_ID + 1, True, 1.0])
def test_only_ids_are_ids(value: object) -> None:
    with pytest.raises(ValueError, match="Not a cursor"):
        decode_cursor(raw([value]), (int,))


@pytest.mark.parametrize(
    ("found", "items", "has_next"),
    [([], [], False), ([1, 2], [1, 2], False), ([1, 2, 3], [1, 2], True)],
    ids=["none", "just as many", "one more"],
)
def test_a_page_says_whether_another_follows(found: list[int], items: list[int], has_next: bool) -> None:
    made = page(found, 2, lambda number: (number,))
    assert made["items"] == items
    assert made["next"] == (encode_cursor((2,)) if has_next else None)
