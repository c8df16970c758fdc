"""Classifiers: logits or probabilities to probabilities."""

from __future__ import annotations

import numpy as np

from inference.images import FloatArray

_ROUNDING = 1e-3


def decode(output: FloatArray) -> FloatArray:
    """Probabilities (N, C) of an output (N, C): as they are where they are such, else the softmax of logits.

    One class alone is a logit or a probability of its own.

    Raises:
        ValueError: the output is not (N, C).
    """
    if output.ndim != 2:
        raise ValueError(f"expected an output (pictures, classes), got {output.shape}")
    within = bool(np.all((output >= 0) & (output <= 1 + _ROUNDING)))
    if output.shape[1] == 1:
        if within:
            return output
        return (1 / (1 + np.exp(-output))).astype(np.float32)
    if within and np.allclose(output.sum(axis=1), 1, atol=_ROUNDING):
        return output
    weights = np.exp(output - output.max(axis=1, keepdims=True))
    probabilities: FloatArray = weights / weights.sum(axis=1, keepdims=True)
    return probabilities
