"""Embeddings of crops (persons, faces, vehicles): vectors whose dot product says how alike two are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.types import Picture
from inference.catalogue import ModelStore
from inference.decoders import embedding
from inference.gpu import Gpu
from inference.images import FloatArray, check_pictures
from inference.manifest import ModelEntry
from inference.opening import open_model
from inference.preprocessing import Preprocessor
from inference.session import ModelError, ModelSession

DECODER = "embedding"


class Embedder:
    """Crops in, vectors out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, session: ModelSession, entry: ModelEntry) -> None:
        self.model = entry.name
        self.version = entry.sha256
        """Vectors of different versions must not be compared."""
        self._session = session
        self._preprocessor = Preprocessor(entry.input, session)
        width = session.output_shapes[0][1:]
        sizes = [size for size in width if size != 1]
        if len(sizes) != 1 or sizes[0] is None:
            raise ModelError(f"Model {self.model} cannot be used: expected one vector of fixed size, found {width}.")
        self.dimensions: int = sizes[0]
        """D, the length of the vectors."""

    def embed(self, crops: Sequence[Picture]) -> FloatArray:
        """Vectors (N, D) float32 of length 1, one for each crop (height, width, 3) uint8 BGR of any size.

        Raises:
            ValueError: a crop is no such array.
        """
        check_pictures(crops)
        if not crops:
            return np.empty((0, self.dimensions), np.float32)
        batch, _ = self._preprocessor.prepare(crops)
        return embedding.decode(self._session.run(batch)[0])

    def warm_up(self) -> None:
        """Run once, so that the first real crop does not pay for it."""
        self.embed([np.zeros((64, 32, 3), np.uint8)])


def build_embedder(store: ModelStore, kind: str, *, gpu: Gpu | None, threads: int) -> Embedder:
    """The model that is chosen for the role ``embedding`` of this kind of recognition.

    Raises:
        MissingModelError: the model is not on this machine; the text holds the command that brings it.
        CamrecError: it is broken or gives no embeddings, or the GPU cannot be used.
    """
    entry = store.chosen(kind, "embedding")
    return Embedder(open_model(store, entry, (DECODER,), gpu=gpu, threads=threads), entry)
