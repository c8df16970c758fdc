"""Embeddings: whatever the model's last dimensions are, one vector of length 1 for each picture."""

from __future__ import annotations

import numpy as np

from inference.images import FloatArray

_LEAST_LENGTH = 1e-12


def decode(output: FloatArray) -> FloatArray:
    """L2-normalised vectors (N, D) of an output (N, D), (N, D, 1, 1) or (N, 1, 1, D), so that cosine is a dot product.

    Raises:
        ValueError: the output has more than one dimension besides the first.
    """
    vectors = output.reshape(len(output), -1).astype(np.float32, copy=False)
    if vectors.shape[1] not in output.shape[1:]:
        raise ValueError(f"expected one vector for each picture, got an output {output.shape}")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    normalised: FloatArray = vectors / np.maximum(lengths, _LEAST_LENGTH)
    return normalised
