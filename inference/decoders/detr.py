"""The DETR family (no suppression needed), as three kinds of exports.

`detr`: RT-DETR, D-FINE, RF-DETR without their postprocessor. Logits of each query and class, before the sigmoid; boxes
of each query as centre x, centre y, width, height in shares of the picture. In any order.

`detr_softmax`: DETR and its like trained with cross-entropy (Carion et al., 2020). The same, but the last class is "no
object", and a softmax goes over all.

`detr_boxes`: the official exports of RT-DETR and D-FINE, with their postprocessor and a second input for the size of
the picture: labels and scores of each query, and boxes x1, y1, x2, y2 in pixels of that size. It is given the size of
the model's input.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.decoders.boxes import Boxes, corners_of
from inference.images import FloatArray


def decode(outputs: Sequence[FloatArray], size: tuple[int, int], least_score: float) -> Boxes:
    """Boxes of one picture.

    Args:
        outputs: (queries, classes) and (queries, 4) float32.
        size: width and height of the model's input.
        least_score: of what is kept.

    Raises:
        ValueError: the outputs are not of this layout.
    """
    logits, centred = _logits_and_boxes(outputs)
    best = logits.max(axis=1)
    kept = np.flatnonzero(best >= np.log(least_score / (1 - least_score)))
    scores = 1 / (1 + np.exp(-best[kept]))
    boxes = corners_of(centred[kept]) * np.array([*size, *size], np.float32)
    return Boxes(boxes, scores, logits[kept].argmax(axis=1))


def decode_softmax(outputs: Sequence[FloatArray], size: tuple[int, int], least_score: float) -> Boxes:
    """As `decode`, of logits (queries, classes + 1)."""
    logits, centred = _logits_and_boxes(outputs)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances = (raised / raised.sum(axis=1, keepdims=True))[:, :-1]
    kept = np.flatnonzero(chances.max(axis=1, initial=0.0) >= least_score)
    boxes = corners_of(centred[kept]) * np.array([*size, *size], np.float32)
    return Boxes(boxes, chances[kept].max(axis=1, initial=0.0), chances[kept].argmax(axis=1))


def decode_boxes(outputs: Sequence[FloatArray], _: tuple[int, int], least_score: float) -> Boxes:
    """Boxes of one picture.

    Args:
        outputs: (queries,) labels, (queries, 4) boxes and (queries,) scores float32, in any order.
        _: width and height of the model's input, in whose pixels the boxes are.
        least_score: of what is kept.

    Raises:
        ValueError: the outputs are not of this layout.
    """
    boxes = [output for output in outputs if output.ndim == 2 and output.shape[1] == 4]
    flat = [output for output in outputs if output.ndim == 1]
    if len(outputs) != 3 or len(boxes) != 1 or len(flat) != 2 or any(len(o) != len(boxes[0]) for o in flat):
        raise ValueError(
            f"expected outputs (queries,), (queries, 4) and (queries,), got {[output.shape for output in outputs]}"
        )
    # Scores are fractions, labels whole numbers.
    labels, scores = sorted(flat, key=lambda output: bool(np.any(output != np.rint(output))))
    kept = np.flatnonzero(scores >= least_score)
    return Boxes(boxes[0][kept], scores[kept], np.rint(labels[kept]).astype(np.int64))


def _logits_and_boxes(outputs: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    shapes = [output.shape for output in outputs]
    if len(outputs) != 2 or any(len(shape) != 2 for shape in shapes) or shapes[0][0] != shapes[1][0]:
        raise ValueError(f"expected outputs (queries, classes) and (queries, 4), got {shapes}")
    logits, centred = outputs if _are_boxes(outputs[1]) else outputs[::-1]
    if not _are_boxes(centred):
        raise ValueError(f"expected one output to be boxes in shares of the picture (queries, 4), got {shapes}")
    return logits, centred


def _are_boxes(output: FloatArray) -> bool:
    """With four classes, logits have the shape of boxes, but never lie between 0 and 1 all together."""
    return output.shape[1] == 4 and bool(np.all((output >= 0) & (output <= 1)))
