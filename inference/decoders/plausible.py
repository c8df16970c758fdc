"""Formats of one shape told apart by their values: probabilities lie between 0 and 1, other values do not.

Each function is told the outputs of one picture, any picture, and says whether they may be of its format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from inference.decoders.nanodet import DISTANCES
from inference.images import FloatArray

_FARTHEST_FROM_CELL = 16.0
"""Strides. A centre in input pixels lies farther from 0 in some cell of any grid."""

_ROUNDING = 1e-3


def _are_chances(values: FloatArray) -> bool:
    return bool(np.all((values >= -_ROUNDING) & (values <= 1 + _ROUNDING)))


def _yolox(outputs: Sequence[FloatArray]) -> bool:
    rows = outputs[0]
    return _are_chances(rows[:, 4:]) and float(np.abs(rows[:, :2]).max()) < _FARTHEST_FROM_CELL


def _yolov5(outputs: Sequence[FloatArray]) -> bool:
    rows = outputs[0]
    return _are_chances(rows[:, 4:]) and float(np.abs(rows[:, :2]).max()) >= _FARTHEST_FROM_CELL


def _yolov5_face(outputs: Sequence[FloatArray]) -> bool:
    rows = outputs[0]
    return _are_chances(rows[:, 4]) and _are_chances(rows[:, 13:]) and not _are_chances(rows[:, 5:13])


def _yolov8(outputs: Sequence[FloatArray]) -> bool:
    return _are_chances(outputs[0][4:])


def _yolov8_pose(outputs: Sequence[FloatArray]) -> bool:
    return _are_chances(outputs[0][4]) and not _are_chances(outputs[0][5:])


def _end_to_end(outputs: Sequence[FloatArray]) -> bool:
    rows = outputs[0]
    return _are_chances(rows[:, 4]) and bool(np.all(rows[:, 5] == np.rint(rows[:, 5])))


def _nanodet(outputs: Sequence[FloatArray]) -> bool:
    if len(outputs) > 1:
        return True
    return _are_chances(outputs[0][:, : -DISTANCES[0]]) and not _are_chances(outputs[0][:, -DISTANCES[0] :])


def _blank_at(place: int, rows: FloatArray) -> bool:
    """Nothing can be read in noise, so the blank is the commonest of the symbols at the two ends, if any is."""
    best = rows.argmax(axis=1)
    ours, other = (int(np.count_nonzero(best == end % rows.shape[1])) for end in (place, -1 - place))
    return ours >= other


def _ctc(outputs: Sequence[FloatArray]) -> bool:
    return _blank_at(0, outputs[0])


def _ctc_blank_last(outputs: Sequence[FloatArray]) -> bool:
    return _blank_at(-1, outputs[0])


_CHECKS: dict[str, Callable[[Sequence[FloatArray]], bool]] = {
    "yolox": _yolox,
    "yolov5": _yolov5,
    "yolov5_face": _yolov5_face,
    "yolov8": _yolov8,
    "yolov8_pose": _yolov8_pose,
    "end_to_end": _end_to_end,
    "nanodet": _nanodet,
    "ctc": _ctc,
    "ctc_blank_last": _ctc_blank_last,
}


def is_plausible(decoder: str, outputs: Sequence[FloatArray]) -> bool:
    """Whether the outputs of one picture, which have the shapes of this decoder, may be of its format."""
    check = _CHECKS.get(decoder)
    return check is None or check(outputs)
