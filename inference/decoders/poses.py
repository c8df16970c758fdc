"""The decoders of top-down pose models by name, as the manifest knows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inference.decoders import heatmap, movenet, simcc
from inference.images import FloatArray

PoseDecoder = Callable[[Sequence[FloatArray], tuple[int, int]], FloatArray]
"""One person's outputs, width and height of the input to points (K, 3): x, y in input pixels, score 0 to 1.

Raises ValueError where the outputs are not of its layout.
"""

POSES: dict[str, PoseDecoder] = {
    "movenet": movenet.decode,
    "simcc": simcc.decode,
    "heatmap": heatmap.decode,
}
