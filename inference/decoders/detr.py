"""The DETR family trained with focal loss: RT-DETR, D-FINE, RF-DETR (logits and boxes, no suppression needed).

Outputs, in any order: logits of each query and class, before the sigmoid; boxes of each query as centre x, centre y,
width, height in shares of the picture.
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
    shapes = [output.shape for output in outputs]
    if len(outputs) != 2 or any(len(shape) != 2 for shape in shapes) or shapes[0][0] != shapes[1][0]:
        raise ValueError(f"expected outputs (queries, classes) and (queries, 4), got {shapes}")
    logits, centred = outputs if _are_boxes(outputs[1]) else outputs[::-1]
    if not _are_boxes(centred):
        raise ValueError(f"expected one output to be boxes in shares of the picture (queries, 4), got {shapes}")
    best = logits.max(axis=1)
    kept = np.flatnonzero(best >= np.log(least_score / (1 - least_score)))
    scores = 1 / (1 + np.exp(-best[kept]))
    boxes = corners_of(centred[kept]) * np.array([*size, *size], np.float32)
    return Boxes(boxes, scores, logits[kept].argmax(axis=1))


def _are_boxes(output: FloatArray) -> bool:
    """With four classes, logits have the shape of boxes, but never lie between 0 and 1 all together."""
    return output.shape[1] == 4 and bool(np.all((output >= 0) & (output <= 1)))
