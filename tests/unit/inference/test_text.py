from __future__ import annotations

import numpy as np
import pytest

from inference.decoders.db_text import TextBox
from inference.grouping import map_by_group
from inference.text.alphabet import LATIN, PlateAlphabet, plain_symbol
from inference.text.finder import canvas_for
from inference.text.rows import join_rows

CHARACTERS = [*LATIN, "o", "ö", "-", "京", "的"]


def box(left: float, top: float, width: float, height: float, slope: float = 0.0, score: float = 0.9) -> TextBox:
    rise = slope * width
    points = [[left, top], [left + width, top + rise], [left + width, top + rise + height], [left, top + height]]
    return TextBox(np.array(points, np.float32), score)


@pytest.mark.parametrize(
    ("character", "symbol"),
    [
        pytest.param("A", "A", id="plain"),
        pytest.param("ü", "U", id="small with diaeresis"),
        pytest.param("\uff10", "0", id="full width"),
        pytest.param("\u041d", "H", id="Cyrillic en"),
        pytest.param("\u03a1", "P", id="Greek rho"),
        pytest.param("苏", "苏", id="province"),
        pytest.param("-", None, id="dash"),
        pytest.param("½", None, id="fraction"),
        pytest.param("的", None, id="other Chinese"),
        pytest.param("", None, id="empty"),
    ],
)
def test_plain_symbol(character: str, symbol: str | None) -> None:
    assert plain_symbol(character) == symbol


class TestPlateAlphabet:
    def fold(self, **chances: float) -> dict[str, float]:
        probabilities = np.zeros((1, 1, len(CHARACTERS) + 1), np.float32)
        for name, chance in chances.items():
            column = 0 if name == "blank" else 1 + CHARACTERS.index({"dash": "-", "other": "的"}.get(name, name))
            probabilities[0, 0, column] = chance
        alphabet = PlateAlphabet(CHARACTERS)
        folded = alphabet.fold(probabilities)[0, 0]
        return {"blank": folded[0], **dict(zip(alphabet.symbols, folded[1:], strict=True))}

    def test_variants_of_a_letter_add_up(self) -> None:
        assert self.fold(O=0.3, o=0.2, ö=0.1)["O"] == pytest.approx(0.6)

    def test_punctuation_counts_as_a_gap(self) -> None:
        assert self.fold(blank=0.2, dash=0.5)["blank"] == pytest.approx(0.7)

    def test_what_is_left_beside_another_script_is_less_than_the_gap(self) -> None:
        folded = self.fold(other=0.95, A=0.05)
        assert folded["blank"] > folded["A"]

    def test_a_province_is_a_symbol_of_its_own(self) -> None:
        assert self.fold(京=0.9)["京"] == pytest.approx(0.9)

    def test_other_alphabets_are_refused(self) -> None:
        with pytest.raises(ValueError, match="expected an alphabet with A-Z and 0-9, XYZ missing"):
            PlateAlphabet(list(LATIN[:-3]))
        with pytest.raises(ValueError, match="expected 42 symbols"):
            PlateAlphabet(CHARACTERS).fold(np.zeros((1, 1, 5), np.float32))


@pytest.mark.parametrize(
    ("boxes", "rows"),
    [
        pytest.param([box(0, 0, 40, 20), box(48, 1, 60, 20)], 1, id="two groups of one plate"),
        pytest.param([box(48, 1, 60, 20), box(0, 0, 40, 20)], 1, id="in any order"),
        pytest.param([box(0, 0, 30, 20), box(38, 0, 30, 20), box(76, 0, 30, 20)], 1, id="three groups"),
        pytest.param([box(0, 0, 40, 20, 0.2), box(48, 9, 60, 20, 0.2)], 1, id="slanted"),
        pytest.param([box(0, 0, 40, 20), box(0, 25, 40, 20)], 2, id="one above the other"),
        pytest.param([box(0, 0, 40, 20), box(60, 0, 40, 20)], 2, id="apart"),
        pytest.param([box(0, 0, 40, 20), box(44, 5, 40, 10)], 2, id="small print beside"),
        pytest.param([], 0, id="none"),
    ],
)
def test_join_rows(boxes: list[TextBox], rows: int) -> None:
    assert len(join_rows(boxes)) == rows


def test_a_row_spans_its_boxes_and_is_as_sure_as_the_weakest() -> None:
    (row,) = join_rows([box(0, 0, 40, 20, score=0.9), box(48, 0, 60, 20, score=0.6)])
    np.testing.assert_allclose(row.corners, [[0, 0], [108, 0], [108, 20], [0, 20]], atol=0.01)
    assert row.score == 0.6


def test_rows_come_from_top_to_bottom() -> None:
    assert [row.corners[0, 1] for row in join_rows([box(0, 50, 40, 20), box(5, 0, 40, 20)])] == [0, 50]


@pytest.mark.parametrize(
    ("shape", "canvas"),
    [
        pytest.param((480, 640, 3), (640, 480), id="as it is"),
        pytest.param((1080, 1920, 3), (640, 352), id="shrunk to the grid"),
        pytest.param((10, 400, 3), (640, 32), id="never nothing"),
    ],
)
def test_canvas_for(shape: tuple[int, ...], canvas: tuple[int, int]) -> None:
    assert canvas_for(np.zeros(shape, np.uint8), 640) == canvas


def test_map_by_group_batches_like_with_like_and_keeps_the_order() -> None:
    batches: list[list[int]] = []

    def run(batch: list[int]) -> list[int]:
        batches.append(batch)
        return [item * 10 for item in batch]

    assert map_by_group([1, 2, 3, 4, 5], ["odd", "even", "odd", "even", "odd"], run, most=2) == [10, 20, 30, 40, 50]
    assert sorted(batches) == [[1, 3], [2, 4], [5]]


def test_map_by_group_refuses_results_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="zip"):
        map_by_group([1, 2], ["a", "a"], lambda batch: batch[:1], most=8)
