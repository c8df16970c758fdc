"""What a thing looks like, as numbers."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
"""(D,) float32."""

_STORED = np.dtype("<f2")


@dataclass(frozen=True, slots=True)
class Embedding:
    """What a thing looks like: the dot product with another says how alike two are, -1 to 1."""

    model: str
    """Name and version of the model; embeddings of different ones mean nothing to each other."""
    values: bytes
    """(D,) float16, little-endian, of length 1."""
    quality: float
    """0 to 1: how large, sharp and whole the picture was."""

    @classmethod
    def of(cls, model: str, vector: Vector, quality: float) -> Self:
        """Pack a vector (D,) of length 1."""
        return cls(model, vector.astype(_STORED).tobytes(), quality)

    @property
    def vector(self) -> Vector:
        """(D,) float32, of length 1 but for the rounding."""
        return np.frombuffer(self.values, _STORED).astype(np.float32)

    def as_json(self) -> dict[str, Any]:
        """Compact plain values for a message or a checkpoint."""
        return {
            "model": self.model,
            "values": base64.b64encode(self.values).decode(),
            "quality": round(self.quality, 3),
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        return cls(plain["model"], base64.b64decode(plain["values"], validate=True), plain["quality"])
