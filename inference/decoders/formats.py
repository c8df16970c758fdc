"""What decoders read, so that a model's format can be told from its graph, and what such models are mostly fed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inference.decoders import faces, nanodet
from inference.decoders.grid import STRIDES, USUAL_STRIDES, grid_of
from inference.manifest import Colour, Layout, Resize

DETECTION = "object detection"
PLATES = "plate detection"
FACES = "face detection"
POSE = "pose"
EMBEDDING = "embedding"
FRAME_CLASSES = "frame classification"
CLIP_CLASSES = "clip classification"
TEXT_DETECTION = "text detection"
TEXT_RECOGNITION = "text recognition"

ANY = -1
"""Number of labels of a format whose graph does not tell it."""

_LEAST_EMBEDDING = 32
_LEAST_LINE_ASPECT = 1.5
_LEAST_STEP = 2
"""Columns of the input for a step of the output."""

Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """What can be seen of a model from outside."""

    layout: Layout
    size: tuple[int, int]
    """Width and height of the input."""
    outputs: tuple[Shape, ...]
    """Without the batch; None where a size is free."""
    any_width: bool = False
    """Whether lines of any width are taken; the size is an example then."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of export."""

    task: str
    outputs: str
    """Shapes without the batch, for people."""
    labels: Callable[[Graph], int | None]
    """Number of labels that a model of this graph needs; None: it is not of this format."""
    resize: Resize = "letterbox"
    colour: Colour = "RGB"
    normalisation: str = "unit"
    only_labels: tuple[str, ...] = ()
    """Where there is no choice."""


def _cells(graph: Graph) -> set[int | None]:
    return {None, *(len(grid_of(graph.size, strides).cells) for strides in STRIDES)}


def _rows_of(graph: Graph) -> Shape | None:
    """The one output, if it is (rows, columns)."""
    return graph.outputs[0] if len(graph.outputs) == 1 and len(graph.outputs[0]) == 2 else None


def _over(least: int, width: int | None) -> int | None:
    return None if width is None or width <= least else width - least


def _yolox(graph: Graph) -> int | None:
    rows = _rows_of(graph)
    return _over(5, rows[1]) if rows and rows[0] in _cells(graph) - {None} else None


def _yolov5(graph: Graph) -> int | None:
    rows = _rows_of(graph)
    anchored = {3 * cells for cells in _cells(graph) if cells} | _cells(graph)
    return _over(5, rows[1]) if rows and rows[0] in anchored else None


def _yolov5_face(graph: Graph) -> int | None:
    rows = _rows_of(graph)
    anchored = {None, *(3 * cells for cells in _cells(graph) if cells)}
    return _over(13, rows[1]) if rows and rows[0] in anchored else None


def _yolov8(graph: Graph) -> int | None:
    rows = _rows_of(graph)
    return _over(4, rows[0]) if rows and rows[1] in _cells(graph) else None


def _yolov8_pose(graph: Graph) -> int | None:
    values = _over(5, _yolov8_rows(graph))
    return None if values is None or values % 3 else 1


def _yolov8_rows(graph: Graph) -> int | None:
    rows = _rows_of(graph)
    return rows[0] if rows and rows[1] in _cells(graph) else None


def _end_to_end(graph: Graph) -> int | None:
    rows = _rows_of(graph)
    if rows is None or rows[1] is None or rows[1] < 6 or rows[1] % 3 or (rows[0] or 1) > 1000:
        return None
    return 1 if rows[1] > 6 else ANY


def _nanodet(graph: Graph) -> int | None:
    rows = _rows_of(graph)
    if rows is not None:
        return _over(nanodet.DISTANCES[0], rows[1]) if rows[0] in _cells(graph) - {None} else None
    try:
        scores, _ = nanodet.split(graph.outputs)
    except ValueError:
        return None
    cells = sum(graph.outputs[i][0] or 0 for i in scores)
    return graph.outputs[scores[0]][1] if scores and cells in _cells(graph) else None


def _fastestdet(graph: Graph) -> int | None:
    if len(graph.outputs) != 1 or len(graph.outputs[0]) != 3:
        return None
    channels, rows, columns = graph.outputs[0]
    width, height = graph.size
    return _over(5, channels) if (columns, rows) == (width // 16, height // 16) else None


def _detr(graph: Graph) -> int | None:
    if len(graph.outputs) != 2 or any(len(shape) != 2 for shape in graph.outputs):
        return None
    (queries, first), (other_queries, second) = graph.outputs
    if queries != other_queries or 4 not in {first, second}:
        return None
    return second if first == 4 else first


def _detr_softmax(graph: Graph) -> int | None:
    return _over(1, _detr(graph))


def _detr_boxes(graph: Graph) -> int | None:
    shapes = sorted(graph.outputs, key=len)
    if [len(shape) for shape in shapes] != [1, 1, 2] or shapes[2][1] != 4:
        return None
    return ANY if len({shape[0] for shape in shapes} - {None}) <= 1 else None


def _faces(graph: Graph, anchors: int, scores: int) -> int | None:
    places = faces.levels_of(graph.outputs, graph.size, anchors)
    return 1 if places is not None and len(places[1]) == scores * len(USUAL_STRIDES) else None


def _movenet(graph: Graph) -> int | None:
    return 0 if len(graph.outputs) == 1 and graph.outputs[0] in {(1, 17, 3), (17, 3)} else None


def _simcc(graph: Graph) -> int | None:
    if len(graph.outputs) != 2 or any(len(shape) != 2 or None in shape for shape in graph.outputs):
        return None
    (points, x_bins), (same_points, y_bins) = graph.outputs
    width, height = graph.size
    return 0 if points == same_points and (x_bins or 0) * height == (y_bins or 0) * width else None


def _heatmap(graph: Graph) -> int | None:
    if len(graph.outputs) != 1 or len(graph.outputs[0]) != 3:
        return None
    width, height = graph.size
    return 0 if graph.outputs[0][1:] in {(height // 4, width // 4), (height // 2, width // 2)} else None


def _vector(graph: Graph) -> int | None:
    """The size of the one output, if it is a vector."""
    if len(graph.outputs) != 1:
        return None
    sizes = [size for size in graph.outputs[0] if size != 1] or [1]
    return sizes[0] if len(sizes) == 1 else None


def _embedding(graph: Graph) -> int | None:
    size = _vector(graph)
    return 0 if size is not None and size >= _LEAST_EMBEDDING and len(graph.layout) == 4 else None


def _frame_classes(graph: Graph) -> int | None:
    return _vector(graph) if len(graph.layout) == 4 and len(graph.outputs[0]) == 1 else None


def _clip_classes(graph: Graph) -> int | None:
    return _vector(graph) if len(graph.layout) == 5 and len(graph.outputs[0]) == 1 else None


def symbol_counts(graph: Graph) -> tuple[int, ...]:
    """How many symbols a step of a text recogniser of this graph may have; none: it reads no lines.

    Lines are wide, no step is narrower than a stroke, and steps and symbols stand in either order.
    """
    rows, (width, height) = _rows_of(graph), graph.size
    if rows is None or len(graph.layout) != 4 or width < _LEAST_LINE_ASPECT * height:
        return ()
    both = (rows, rows[::-1])
    return tuple(count for steps, count in both if count is not None and (steps or 1) * _LEAST_STEP <= width)


def _ctc(graph: Graph) -> int | None:
    counts = symbol_counts(graph)
    return ANY if len(set(counts)) > 1 else _over(1, counts[0]) if counts else None


def _slots(graph: Graph) -> int | None:
    rows = _rows_of(graph)
    if rows is not None:
        return rows[1] if rows[1] in symbol_counts(graph) else None
    return ANY if _vector(graph) is not None and len(graph.layout) == 4 else None


def _never(_: Graph) -> int | None:
    return None


FORMATS: dict[str, Format] = {
    "yolox": Format(DETECTION, "(cells, 5 + classes)", _yolox, "letterbox_top_left", "BGR", "raw"),
    "yolov5": Format(DETECTION, "(3 * cells, 5 + classes) or, decoded, (cells, 5 + classes)", _yolov5),
    "yolov8": Format(DETECTION, "(4 + classes, cells)", _yolov8),
    "yolov8_pose": Format(DETECTION, "(5 + 3 * points, cells)", _yolov8_pose),
    "end_to_end": Format(DETECTION, "(boxes, 6) or (boxes, 6 + 3 * points)", _end_to_end),
    "nanodet": Format(
        DETECTION, "(cells, classes) and (cells, 32) for each level", _nanodet, "stretch", "BGR", "imagenet"
    ),
    "fastestdet": Format(DETECTION, "(5 + classes, height / 16, width / 16)", _fastestdet, "stretch", "BGR"),
    "detr": Format(DETECTION, "(queries, classes) and (queries, 4)", _detr, "stretch"),
    "detr_softmax": Format(DETECTION, "(queries, classes + 1) and (queries, 4)", _detr_softmax, "stretch"),
    "detr_boxes": Format(
        DETECTION, "(queries), (queries, 4) and (queries), with the size as input", _detr_boxes, "stretch"
    ),
    "yolov5_face": Format(PLATES, "(3 * cells, 13 + classes)", _yolov5_face),
    "scrfd": Format(
        FACES,
        "(2 * cells, 1), (2 * cells, 4) and (2 * cells, 10) for each level",
        lambda graph: _faces(graph, faces.ANCHORS, 1),
        "letterbox_top_left",
        normalisation="signed",
        only_labels=("face",),
    ),
    "yunet": Format(
        FACES,
        "twice (cells, 1), (cells, 4) and (cells, 10) for each level",
        lambda graph: _faces(graph, 1, 2),
        "letterbox_top_left",
        "BGR",
        "raw",
        only_labels=("face",),
    ),
    "movenet": Format(POSE, "(1, 17, 3)", _movenet, normalisation="raw"),
    "simcc": Format(POSE, "(points, width * n) and (points, height * n)", _simcc, normalisation="imagenet"),
    "heatmap": Format(POSE, "(points, height / 4, width / 4)", _heatmap, normalisation="imagenet"),
    "embedding": Format(EMBEDDING, "(numbers)", _embedding, "stretch", normalisation="imagenet"),
    "frame_classes": Format(FRAME_CLASSES, "(classes)", _frame_classes, "stretch", normalisation="imagenet"),
    "clip_classes": Format(CLIP_CLASSES, "(classes), of a clip", _clip_classes, "stretch", normalisation="imagenet"),
    "motion": Format(CLIP_CLASSES, "(score), of motion descriptors", _never),
    "db_text": Format(TEXT_DETECTION, "(1, height, width)", _never),
    "ctc": Format(TEXT_RECOGNITION, "(steps, 1 + characters), blank first", _ctc, "height", "BGR", "signed"),
    "ctc_blank_last": Format(TEXT_RECOGNITION, "(steps, characters + 1), blank last", _ctc, "height", "BGR", "signed"),
    "slots": Format(TEXT_RECOGNITION, "(slots, characters) or (slots * characters)", _slots, "stretch"),
}
