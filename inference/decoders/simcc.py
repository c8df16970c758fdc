"""SimCC (Li et al., 2022), as RTMPose exports it: for each point a distribution over x and one over y."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.images import FloatArray


def decode(outputs: Sequence[FloatArray], size: tuple[int, int]) -> FloatArray:
    """Points (K, 3) of one person: x and y in input pixels, score 0 to 1, the lower of the two peaks.

    Args:
        outputs: (K, width * split) and (K, height * split) float32; the split is mostly 2.
        size: width and height of the model's input.

    Raises:
        ValueError: the outputs are not of this layout.
    """
    if len(outputs) != 2 or any(output.ndim != 2 for output in outputs) or len(outputs[0]) != len(outputs[1]):
        raise ValueError(
            f"expected outputs (points, bins of x) and (points, bins of y), got {[o.shape for o in outputs]}"
        )
    places = [output.argmax(axis=1) * side / output.shape[1] for output, side in zip(outputs, size, strict=True)]
    score = np.minimum(outputs[0].max(axis=1), outputs[1].max(axis=1))
    return np.stack([*places, np.clip(score, 0, 1)], axis=1).astype(np.float32)
