from __future__ import annotations

import math
from typing import Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import BadSettingError
from core.types import Box, Zone
from events import geometry

SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
ARROW = ((0.1, 0.1), (0.9, 0.1), (0.5, 0.4), (0.9, 0.9), (0.1, 0.9))

NUMBER = st.floats(-1000, 1000, allow_nan=False)
BOX = st.tuples(NUMBER, NUMBER, st.floats(0, 500), st.floats(0, 500)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@st.composite
def star_polygon(draw: st.DrawFn) -> list[tuple[float, float]]:
    """A simple polygon: corners at growing angles around the middle (gaps below half a turn)."""
    n = draw(st.integers(3, 12))
    radii = draw(st.lists(st.floats(0.05, 0.5), min_size=n, max_size=n))
    return [
        (0.5 + r * math.cos(2 * math.pi * i / n), 0.5 + r * math.sin(2 * math.pi * i / n)) for i, r in enumerate(radii)
    ]


@given(BOX, BOX)
def test_iou_is_a_symmetric_share(a: Box, b: Box) -> None:
    assert geometry.iou(a, b) == pytest.approx(geometry.iou(b, a))
    assert 0 <= geometry.iou(a, b) <= 1 + 1e-9


@given(BOX)
def test_iou_with_itself_is_one(box: Box) -> None:
    assume(geometry.area(box) > 1e-3)
    assert geometry.iou(box, box) == pytest.approx(1)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3, id="half over"),
        pytest.param((0, 0, 10, 10), (10, 0, 20, 10), 0, id="side by side"),
        pytest.param((0, 0, 10, 10), (2, 2, 7, 7), 0.25, id="one in the other"),
        pytest.param((5, 5, 5, 5), (5, 5, 5, 5), 0, id="no inside"),
    ],
)
def test_iou(a: Box, b: Box, expected: float) -> None:
    assert geometry.iou(a, b) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param((0, 0, 10, 4), (30, 0, 40, 4), 3, id="three plates further"),
        pytest.param((0, 0, 100, 40), (30, 0, 130, 40), 0.3, id="the same way near the camera"),
        pytest.param((1, 1, 1, 1), (2, 2, 2, 2), math.inf, id="no width"),
    ],
)
def test_offset_in_widths(a: Box, b: Box, expected: float) -> None:
    assert geometry.offset_in_widths(a, b) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param((100, 100, 200, 130), False, id="inside"),
        pytest.param((0, 100, 50, 130), True, id="left"),
        pytest.param((100, 1, 200, 30), True, id="top"),
        pytest.param((560, 100, 640, 130), True, id="right"),
        pytest.param((100, 460, 200, 479), True, id="bottom"),
    ],
)
def test_is_cut(box: Box, expected: bool) -> None:
    assert geometry.is_cut(box, 640, 480) is expected


def test_bottom_centre_stays_in_the_picture() -> None:
    assert geometry.bottom_centre((100, 100, 200, 240), 600, 480) == pytest.approx((0.25, 0.5))
    assert geometry.bottom_centre((-100, 100, 20, 500), 600, 480) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("point", "polygon", "expected"),
    [
        pytest.param((0.5, 0.5), SQUARE, True, id="inside"),
        pytest.param((0.1, 0.5), SQUARE, False, id="left of it"),
        pytest.param((0.9, 0.5), SQUARE, False, id="right of it"),
        pytest.param((0.5, 0.9), SQUARE, False, id="below"),
        pytest.param((0.2, 0.5), SQUARE, True, id="on an edge"),
        pytest.param((0.8, 0.8), SQUARE, True, id="on a corner"),
        pytest.param((0.9, 0.2), SQUARE, False, id="level with an edge, outside"),
        pytest.param((0.8, 0.4), ARROW, False, id="in the notch"),
        pytest.param((0.2, 0.4), ARROW, True, id="beside the notch"),
        pytest.param((0.5, 1.0), LEFT_HALF, True, id="at the picture's edge"),
    ],
)
def test_in_polygon(point: geometry.Point, polygon: tuple[geometry.Point, ...], expected: bool) -> None:
    assert geometry.in_polygon(point, polygon) is expected


@given(star_polygon(), st.floats(0, 1), st.floats(0, 1), st.integers(0, 11))
def test_in_polygon_does_not_depend_on_where_the_outline_starts_or_its_direction(
    polygon: list[geometry.Point], x: float, y: float, shift: int
) -> None:
    shift %= len(polygon)
    expected = geometry.in_polygon((x, y), polygon)
    assert geometry.in_polygon((x, y), polygon[shift:] + polygon[:shift]) is expected
    assert geometry.in_polygon((x, y), polygon[::-1]) is expected


@given(star_polygon())
def test_a_simple_polygon_is_accepted_and_holds_its_corners_and_middle(polygon: list[geometry.Point]) -> None:
    checked = geometry.check_polygon(polygon)
    assert checked == tuple(polygon)
    assert all(geometry.in_polygon(corner, checked) for corner in checked)
    assert geometry.in_polygon((0.5, 0.5), checked)
    assert geometry.polygon_area(checked) == pytest.approx(-geometry.polygon_area(checked[::-1]))


@given(star_polygon(), st.data())
def test_swapped_corners_are_accepted_or_refused_but_never_crash(
    polygon: list[geometry.Point], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(polygon))
    try:
        assert geometry.check_polygon(mixed) == tuple(mixed)
    except BadSettingError as error:
        assert "crosses itself" in str(error) or "no area" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("points", "message"),
    [
        pytest.param([], "3 to 100 points, not 0", id="none"),
        pytest.param([(0, 0), (1, 1)], "3 to 100 points, not 2", id="a line"),
        pytest.param([(i / 200, 0.5) for i in range(101)], "not 101", id="too many"),
        pytest.param([(0, 0), (1, 0), (1.2, 1)], "Point 3 .* from 0 to 1", id="outside"),
        pytest.param([(0, 0), (1, 0), (float("nan"), 1)], "Point 3", id="not a number"),
        pytest.param([(0, 0), (1, 0), (1, 1, 1)], "Point 3", id="three numbers"),
        pytest.param([(0, 0), (1, 0), ("1", 1)], "Point 3", id="text"),
        pytest.param([(0, 0), (0.5, 0.5), (1, 1)], "no area", id="on one line"),
        pytest.param([(0, 0), (1, 0), (1, 1), (0, 0)], "each point once", id="first repeated"),
        pytest.param(
            [(0, 0), (1, 1), (1, 0), (0, 0.8)], "edge after point 1 meets the edge after point 3", id="bow tie"
        ),
        pytest.param([(0, 0), (1, 0), (0.5, 0), (0.5, 1)], "edge after point 1 meets", id="folds back on an edge"),
        pytest.param([(0, 0), (1, 0), (1, 1), (0.5, 0), (0, 1)], "crosses itself", id="touches its own edge"),
    ],
)
def test_bad_polygons_are_refused(points: Any, message: str) -> None:
    with pytest.raises(BadSettingError, match=message):
        geometry.check_polygon(points)


def zone(kind: Literal["include", "exclude"], points: tuple[geometry.Point, ...], *recognitions: str) -> Zone:
    return Zone(name="z", kind=kind, points=points, recognitions=recognitions)


@pytest.mark.parametrize(
    ("zones", "point", "expected"),
    [
        pytest.param([], (0.1, 0.1), True, id="no zones"),
        pytest.param([zone("include", SQUARE)], (0.5, 0.5), True, id="in an include zone"),
        pytest.param([zone("include", SQUARE)], (0.1, 0.1), False, id="outside the include zone"),
        pytest.param([zone("include", SQUARE), zone("include", LEFT_HALF)], (0.1, 0.1), True, id="in one of two"),
        pytest.param([zone("exclude", SQUARE)], (0.5, 0.5), False, id="in an exclude zone"),
        pytest.param([zone("exclude", SQUARE)], (0.1, 0.1), True, id="outside the exclude zone"),
        pytest.param([zone("include", LEFT_HALF), zone("exclude", SQUARE)], (0.3, 0.5), False, id="exclude wins"),
    ],
)
def test_in_zones(zones: list[Zone], point: geometry.Point, expected: bool) -> None:
    assert geometry.in_zones(point, zones) is expected


def test_zones_for_one_recognition() -> None:
    zones = [zone("include", SQUARE), zone("include", SQUARE, "plates"), zone("exclude", SQUARE, "falls", "reid")]
    assert geometry.zones_for("plates", zones) == (zones[0], zones[1])
    assert geometry.zones_for("falls", zones) == (zones[0], zones[2])
