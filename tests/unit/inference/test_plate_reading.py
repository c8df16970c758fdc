from __future__ import annotations

import pytest

from core.types import Box, Detection
from inference.decoders.ctc import Line
from inference.recognisers.plate_reading import best_first, best_reading, plate_likeness
from inference.text.reader import without_stray_provinces


def line(text: str, *first: float, rest: float = 0.99) -> Line:
    return Line(text, (*first, *[rest] * (len(text) - len(first))))


def plate(text: str, score: float, box: Box = (0, 0, 100, 20)) -> Detection:
    return Detection("plate", score, box, text=text)


@pytest.mark.parametrize(
    ("readings", "text"),
    [
        pytest.param([], "", id="none"),
        pytest.param([line("RK101AA")], "RK101AA", id="one"),
        pytest.param([line("RK101AA"), line("RX101AA"), line("RK101AA")], "RK101AA", id="two against one"),
        pytest.param([line("RK101AA", rest=0.9), line("RX101AA", rest=0.5)], "RK101AA", id="the surer of two"),
        pytest.param([line("PRK101AA", 0.55), line("GRK101AA", 0.6)], "RK101AA", id="an emblem is not a letter"),
        pytest.param([line("PRK101AA", 0.3)], "RK101AA", id="a first character that hardly was"),
        pytest.param([line("RK101AA", 0.8)], "RK101AA", id="a first character that most likely was"),
    ],
)
def test_best_reading(readings: list[Line], text: str) -> None:
    assert best_reading(readings).text == text


def test_of_readings_that_agree_the_surest_is_kept() -> None:
    assert best_reading([line("RK1", rest=0.7), line("RK1", rest=0.9)]).confidence == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("text", "likeness"),
    [("RK101AA", 1.0), ("123456", 0.7), ("GWAGEN", 0.5), ("R1", 0.0), ("A1B2C3D4E5F", 0.0), ("", 0.0)],
)
def test_plate_likeness(text: str, likeness: float) -> None:
    assert plate_likeness(text) == likeness


@pytest.mark.parametrize(
    ("detections", "texts"),
    [
        pytest.param(
            [plate("AA1", 0.5), plate("BB2", 0.9, (200, 0, 300, 20))], ["BB2", "AA1"], id="two plates, best first"
        ),
        pytest.param([plate("AA1", 0.5), plate("AA7", 0.9, (2, 0, 101, 20))], ["AA7"], id="one plate, the surer"),
        pytest.param(
            [plate("101AA", 0.9, (40, 0, 100, 20)), plate("RK101AA", 0.4)],
            ["RK101AA"],
            id="the whole before its part",
        ),
        pytest.param(
            [plate("101AA", 0.9, (80, 0, 180, 20)), plate("RK101AA", 0.4)], ["101AA", "RK101AA"], id="but not beside it"
        ),
        pytest.param([], [], id="none"),
    ],
)
def test_best_first(detections: list[Detection], texts: list[str]) -> None:
    assert [d.text for d in best_first(detections)] == texts


@pytest.mark.parametrize(
    ("reading", "text"),
    [
        pytest.param(line("苏ED51712"), "苏ED51712", id="new energy vehicle"),
        pytest.param(line("京A12345"), "京A12345", id="seven characters"),
        pytest.param(line("京A12345", 0.5), "A12345", id="unsure"),
        pytest.param(line("京112345"), "112345", id="no letter after it"),
        pytest.param(line("A京12345"), "A12345", id="not first"),
        pytest.param(line("京RK1"), "RK1", id="too short for China"),
        pytest.param(line("RK101AA"), "RK101AA", id="none"),
    ],
)
def test_provinces_stay_only_on_plates_of_china(reading: Line, text: str) -> None:
    cleaned = without_stray_provinces(reading)
    assert cleaned.text == text
    assert len(cleaned.confidences) == len(text)


def test_an_emblem_that_only_some_readings_take_for_a_character_is_left_out() -> None:
    with_emblem = Line("4B821875", (1.0, 0.98, 0.6, 1.0, 1.0, 1.0, 1.0, 1.0))
    without = Line("4B21875", (1.0, 0.95, 1.0, 1.0, 1.0, 1.0, 1.0))
    assert best_reading([with_emblem, without]).text == "4B21875"
    assert best_reading([with_emblem]).text == "4B821875"
