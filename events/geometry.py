"""Boxes in pixels, and zones as polygons in shares (0 to 1) of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.errors import BadSettingError
from core.types import Box, Zone

Point = tuple[float, float]

MAX_POLYGON_POINTS = 100
MIN_POLYGON_AREA = 1e-6
"""About one pixel of a 720p picture; less is a line."""

EDGE = 0.005
"""Of a picture's size: what is that near its edge is at it."""


def area(box: Box) -> float:
    """Square pixels; 0 for a box without inside."""
    x1, y1, x2, y2 = box
    return max(0.0, x2 - x1) * max(0.0, y2 - y1)


def centre(box: Box) -> Point:
    """The middle of the box, in pixels."""
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2, (y1 + y2) / 2


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1; 0 when either box has no inside."""
    common = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    union = area(a) + area(b) - common
    return common / union if union > 0 else 0.0


def offset_in_widths(a: Box, b: Box) -> float:
    """Distance of the centres, measured in mean box widths, so that it means the same near and far from the camera."""
    width = (abs(a[2] - a[0]) + abs(b[2] - b[0])) / 2
    distance = math.dist(centre(a), centre(b))
    return distance / width if width > 0 else math.inf


def is_cut(box: Box, width: int, height: int) -> bool:
    """Whether the box reaches the picture's edge: part of the object is then not seen."""
    x1, y1, x2, y2 = box
    dx, dy = EDGE * width, EDGE * height
    return x1 <= dx or y1 <= dy or x2 >= width - dx or y2 >= height - dy


def bottom_centre(box: Box, width: int, height: int) -> Point:
    """Where the object stands, as shares of the picture's width and height, kept within 0 to 1."""
    x1, _, x2, y2 = box
    return min(1.0, max(0.0, (x1 + x2) / 2 / width)), min(1.0, max(0.0, y2 / height))


def in_polygon(point: Point, polygon: Sequence[Point]) -> bool:
    """Even-odd rule; points on the outline belong to it.

    W. R. Franklin, PNPOLY: count how often a ray to the right crosses the outline.
    """
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in _edges(polygon):
        if _turn((x1, y1), (x2, y2), point) == 0 and _within_bounds((x1, y1), (x2, y2), point):
            return True
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def in_zones(point: Point, zones: Sequence[Zone]) -> bool:
    """Whether something that stands at this point (see `bottom_centre`) counts.

    It is in one of the include zones, if there are any, and in no exclude zone.
    """
    includes = [z for z in zones if z.kind == "include"]
    if includes and not any(in_polygon(point, z.points) for z in includes):
        return False
    return not any(in_polygon(point, z.points) for z in zones if z.kind == "exclude")


def zones_for(recognition: str, zones: Sequence[Zone]) -> tuple[Zone, ...]:
    """The zones that are for this kind of recognition."""
    return tuple(z for z in zones if not z.recognitions or recognition in z.recognitions)


def check_polygon(points: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    """The points of a simple polygon in shares of the picture, as plain tuples.

    Raises:
        BadSettingError: fewer than 3 or too many points, a point that is not two numbers from 0 to 1, outlines that
            cross or touch themselves, or no area.
    """
    if not 3 <= len(points) <= MAX_POLYGON_POINTS:
        raise BadSettingError(f"A polygon needs 3 to {MAX_POLYGON_POINTS} points, not {len(points)}.")
    polygon = tuple(_check_point(n, point) for n, point in enumerate(points, start=1))
    if len(set(polygon)) < len(polygon):
        raise BadSettingError("A polygon names each point once; it is closed without repeating the first.")
    if abs(polygon_area(polygon)) < MIN_POLYGON_AREA:
        raise BadSettingError("The polygon's points lie on one line: it has no area.")
    edges = _edges(polygon)
    for i, (a, b) in enumerate(edges):
        for j in range(i + 1, len(edges)):
            c, d = edges[j]
            are_neighbours = j == i + 1 or (i == 0 and j == len(edges) - 1)
            if _folds_back(a, b, c, d) if are_neighbours else _cross(a, b, c, d):
                raise BadSettingError(
                    f"The polygon crosses itself: the edge after point {i + 1} meets the edge after point {j + 1}."
                )
    return polygon


def polygon_area(polygon: Sequence[Point]) -> float:
    """Signed area by the shoelace formula: positive where the corners go clockwise on the screen (y down)."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in _edges(polygon)) / 2


def _check_point(number: int, point: Sequence[float]) -> Point:
    if len(point) != 2 or not all(isinstance(v, int | float) and 0 <= v <= 1 for v in point):
        raise BadSettingError(
            f"Point {number} of the polygon must be [x, y] as shares of the picture, each from 0 to 1, not {point!r}."
        )
    return float(point[0]), float(point[1])


def _edges(polygon: Sequence[Point]) -> list[tuple[Point, Point]]:
    return list(zip(polygon, [*polygon[1:], polygon[0]], strict=True))


def _turn(a: Point, b: Point, c: Point) -> int:
    """1, 0 or -1: on which side of the line from a to b is c."""
    cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (cross > 0) - (cross < 0)


def _within_bounds(a: Point, b: Point, c: Point) -> bool:
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the segments a-b and c-d share a point (orientation test, Cormen et al., ch. 33.1)."""
    if _turn(a, b, c) != _turn(a, b, d) and _turn(c, d, a) != _turn(c, d, b):
        return True
    return any(
        _turn(*segment, point) == 0 and _within_bounds(*segment, point)
        for segment, point in (((a, b), c), ((a, b), d), ((c, d), a), ((c, d), b))
    )


def _folds_back(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether neighbouring edges, which always share one corner, lie on one another."""
    if b != c:
        a, b, c, d = c, d, a, b
    return _turn(a, b, d) == 0 and (a[0] - b[0]) * (d[0] - b[0]) + (a[1] - b[1]) * (d[1] - b[1]) > 0
