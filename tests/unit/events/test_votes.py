from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.plates import normalise
from events.votes import MAX_TEXTS, PARTIAL_SIMILARITY, Votes, similarity

PLATE = st.text("ABKLMRS0123456789", min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("rk-605 ab", "RK605AB", id="separators and case"),
        pytest.param(" ·-* ", "", id="nothing left"),
        pytest.param("АВ 123 Ж", "АВ123Ж", id="letters of other alphabets stay"),  # noqa: RUF001
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        pytest.param("RK605AB", "RK605AB", 1.0, 1.0, id="same"),
        pytest.param("RK6O5AB", "RKG05A8", 1.0, 1.0, id="confusable characters are equal"),
        pytest.param("RK605AB", "RK605A", 0.8, 0.9, id="one dropped"),
        pytest.param("RK605AB", "RK6X5AB", 0.8, 0.9, id="one wrong"),
        pytest.param("RK605AB", "605A", PARTIAL_SIMILARITY, PARTIAL_SIMILARITY, id="half covered"),
        pytest.param("RK457AS", "RK763AS", 0.0, 0.6, id="two cars of one district"),
        pytest.param("RK884AL", "RK896AO", 0.0, 0.6, id="two more of them"),
        pytest.param("", "RK605AB", 0.0, 0.0, id="nothing is no part of anything"),
    ],
)
def test_similarity(a: str, b: str, low: float, high: float) -> None:
    assert low <= similarity(a, b) <= high


@given(PLATE, PLATE)
def test_similarity_is_symmetric(a: str, b: str) -> None:
    assert similarity(a, b) == similarity(b, a)


@pytest.mark.parametrize(
    ("readings", "text", "score"),
    [
        pytest.param([], "", 0.0, id="no reading"),
        pytest.param([("RK605AB", 0.9)], "RK605AB", 0.9, id="one reading"),
        pytest.param([("RK605AB", 0.7), ("RK605A8", 0.8), ("RK605AB", 0.7)], "RK605AB", 0.7, id="two beat one"),
        pytest.param([("BX1", 0.5)] * 2 + [("RK605AB", 0.95)], "RK605AB", 0.95, id="one sure beats two unsure"),
        pytest.param(
            [("RK6O5AB", 0.9), ("RK6O5AB", 0.9), ("RK605AB", 0.9), ("RK605AB", 0.9), ("RK605AB", 0.6)],
            "RK605AB",
            (2 * 0.9**3 + 0.6**3) / (2 * 0.9**2 + 0.6**2),
            id="O or 0 by majority",
        ),
        pytest.param([("605AB", 0.9), ("RK605AB", 0.9)], "RK605AB", 0.9, id="equal weights: the longer"),
        pytest.param(
            [("XK605AB", 0.9), ("RX605AB", 0.9), ("RKX05AB", 0.9)],
            "RK605AB",
            0.9,
            id="each wrong elsewhere: composed by characters",
        ),
        pytest.param([("RK605AB", 0.0)], "RK605AB", 0.0, id="a reading of no worth"),
        pytest.param([("RK605AB", 0.9), ("RK605XB", 0.91)], "RK605XB", 0.91, id="no clear majority: what was read"),
    ],
)
def test_result(readings: list[tuple[str, float]], text: str, score: float) -> None:
    votes = Votes()
    for read, read_score in readings:
        votes.add(read, read_score, weight=read_score**2)
    assert votes.result()[0] == text
    assert votes.result()[1] == pytest.approx(score)


@given(st.lists(st.tuples(PLATE, st.floats(0.01, 1)), max_size=60))
def test_memory_is_bounded_and_the_newest_stays(readings: list[tuple[str, float]]) -> None:
    votes = Votes()
    for text, score in readings:
        votes.add(text, score, weight=score)
        assert text in votes.ballots
        assert len(votes.ballots) <= MAX_TEXTS


@given(st.lists(st.tuples(PLATE, st.floats(0.01, 1)), min_size=1, max_size=20))
def test_result_has_a_length_that_was_read_and_a_score_in_range(readings: list[tuple[str, float]]) -> None:
    votes = Votes()
    for text, score in readings:
        votes.add(text, score, weight=score)
    text, score = votes.result()
    assert len(text) in {len(read) for read, _ in readings}
    assert min(s for _, s in readings) - 1e-9 <= score <= max(s for _, s in readings) + 1e-9


def test_alternatives_are_the_weightiest_others() -> None:
    votes = Votes()
    for text, score, weight in [("AAAA", 0.9, 9), ("BBBB", 0.5, 1), ("CCCC", 0.6, 3), ("DDDD", 0.7, 2), ("EEEE", 1, 0)]:
        votes.add(text, score, weight=weight)
    assert votes.alternatives("AAAA") == [("CCCC", 0.6), ("DDDD", 0.7), ("BBBB", 0.5)]
