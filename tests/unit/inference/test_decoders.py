from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.decoders import ctc, db_text, yolov5_face
from inference.images import quad_size

A, B, BLANK = 1, 2, 0


def yolo_row(x: float, y: float, objectness: float, classes: tuple[float, float] = (1.0, 0.0)) -> list[float]:
    """A box of 40 x 10 with its corners."""
    corners = (x - 20, y - 5, x + 20, y - 5, x + 20, y + 5, x - 20, y + 5)
    return [x, y, 40, 10, objectness, *corners, *classes]


def decode_yolo(*rows: list[float]) -> yolov5_face.CornerBoxes:
    return yolov5_face.decode(np.array(rows, np.float32).reshape(-1, 15), least_score=0.3, most_overlap=0.5)


class TestYolov5Face:
    def test_boxes_corners_classes_and_scores(self) -> None:
        found = decode_yolo(yolo_row(100, 50, 0.9, (0.2, 0.5)), yolo_row(200, 80, 0.8))

        np.testing.assert_allclose(found.scores, [0.8, 0.45], atol=1e-6)
        np.testing.assert_allclose(found.boxes, [[180, 75, 220, 85], [80, 45, 120, 55]])
        np.testing.assert_allclose(found.corners[1], [[80, 45], [120, 45], [120, 55], [80, 55]])
        assert found.classes.tolist() == [0, 1]

    def test_of_overlapping_boxes_the_best_stays_whatever_its_class(self) -> None:
        found = decode_yolo(yolo_row(100, 50, 0.6), yolo_row(103, 50, 0.9, (0.0, 1.0)), yolo_row(141, 50, 0.5))
        np.testing.assert_allclose(found.scores, [0.9, 0.5], atol=1e-6)

    @pytest.mark.parametrize(
        "rows",
        [
            pytest.param([], id="no rows"),
            pytest.param([yolo_row(9, 9, 0.2)], id="not an object"),
            pytest.param([yolo_row(9, 9, 0.9, (0.1, 0.2))], id="of no class"),
        ],
    )
    def test_nothing_found(self, rows: list[list[float]]) -> None:
        found = decode_yolo(*rows)
        assert len(found) == 0
        assert found.boxes.shape == (0, 4)
        assert found.corners.shape == (0, 4, 2)

    def test_another_layout_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"expected rows \(K, 13 \+ classes\), got \(3, 13\)"):
            yolov5_face.decode(np.zeros((3, 13), np.float32), least_score=0.3, most_overlap=0.5)


def steps(*symbols: int, sure: float = 0.9) -> np.ndarray:
    rest = (1 - sure) / 2
    return np.array([[[sure if s == symbol else rest for s in range(3)] for symbol in symbols]], np.float32)


class TestCtc:
    @pytest.mark.parametrize(
        ("symbols", "text"),
        [
            pytest.param([A, B], "AB", id="one step each"),
            pytest.param([A, A, A, B], "AB", id="a run is one character"),
            pytest.param([A, BLANK, A], "AA", id="a blank parts two of a kind"),
            pytest.param([BLANK, BLANK], "", id="only blanks"),
            pytest.param([BLANK, B, BLANK], "B", id="blanks around"),
        ],
    )
    def test_text(self, symbols: list[int], text: str) -> None:
        (line,) = ctc.decode(steps(*symbols), "AB")
        assert line.text == text
        assert len(line.confidences) == len(text)

    def test_a_character_is_as_sure_as_its_best_step(self) -> None:
        probabilities = np.concatenate([steps(A, sure=0.6), steps(A, sure=0.8), steps(B, sure=0.7)], axis=1)
        (line,) = ctc.decode(probabilities, "AB")
        assert line.confidences == pytest.approx((0.8, 0.7))
        assert line.confidence == pytest.approx(0.75)
        assert line.without(0).text == "B"
        assert ctc.Line("", ()).confidence == 0.0

    @given(st.lists(st.integers(0, 2), min_size=1, max_size=20))
    def test_equals_the_definition(self, symbols: list[int]) -> None:
        merged = [s for i, s in enumerate(symbols) if i == 0 or s != symbols[i - 1]]
        (line,) = ctc.decode(steps(*symbols), "AB")
        assert line.text == "".join(" AB"[s] for s in merged if s)

    def test_an_alphabet_of_another_size_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"expected probabilities \(N, steps, 4\) .* got \(1, 1, 3\)"):
            ctc.decode(steps(A), "ABC")


class TestDbText:
    def test_a_line_is_grown_by_area_times_ratio_over_perimeter(self) -> None:
        text_map = np.zeros((100, 200), np.float32)
        text_map[40:60, 50:150] = 0.9

        (box,) = db_text.decode(text_map)

        # 99 x 19 between the centres of the outermost pixels; area / perimeter * 1.6 = 12.75 on every side.
        grown = 99 * 19 * 1.6 / (2 * (99 + 19))
        np.testing.assert_allclose(
            box.corners,
            [[50 - grown, 40 - grown], [149 + grown, 40 - grown], [149 + grown, 59 + grown], [50 - grown, 59 + grown]],
            atol=0.6,
        )
        assert box.score == pytest.approx(0.9, abs=0.01)

    @pytest.mark.parametrize("angle", [0, 7, -15, 30])
    def test_a_slanted_line_keeps_its_slant(self, angle: int) -> None:
        text_map = np.zeros((200, 200), np.float32)
        points = cv2.boxPoints(((100, 100), (120, 20), angle))
        cv2.fillPoly(text_map, [points.astype(np.int32)], 0.8)

        (box,) = db_text.decode(text_map)

        top_left, top_right = box.corners[:2]
        slope = np.degrees(np.arctan2(top_right[1] - top_left[1], top_right[0] - top_left[0]))
        assert slope == pytest.approx(angle, abs=2)
        width, height = quad_size(box.corners)
        assert width > 2.5 * height
        np.testing.assert_allclose(box.corners.mean(axis=0), [100, 100], atol=2)

    def test_lines_come_best_first_and_weak_or_tiny_ones_not_at_all(self) -> None:
        text_map = np.zeros((100, 200), np.float32)
        text_map[10:20, 10:80] = 0.6
        text_map[40:50, 10:80] = 0.9
        text_map[70:80, 10:80] = 0.4
        text_map[90:92, 150:152] = 0.9
        assert [round(b.score, 1) for b in db_text.decode(text_map)] == [0.9, 0.6]

    def test_what_is_no_map_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"expected a map \(height, width\), got \(1, 4, 4\)"):
            db_text.decode(np.zeros((1, 4, 4), np.float32))
