"""Classes of frames and of clips, by any classifier of the manifest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.types import Picture
from inference.decoders import probabilities
from inference.images import FloatArray, check_pictures
from inference.manifest import ModelEntry
from inference.preprocessing import Preprocessor
from inference.session import ModelError, ModelSession

FRAMES, CLIPS = "frame_classes", "clip_classes"


class FrameClassifier:
    """Pictures in, probabilities out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, session: ModelSession, entry: ModelEntry) -> None:
        self.model = entry.name
        self.labels = entry.labels
        self._session = session
        self._preprocessor = Preprocessor(entry.input, session)

    def classify(self, pictures: Sequence[Picture]) -> FloatArray:
        """Probabilities (N, labels) of pictures (height, width, 3) uint8 BGR, whose sizes may differ.

        Raises:
            ValueError: a picture is no such array.
        """
        check_pictures(pictures)
        if not pictures:
            return np.empty((0, len(self.labels)), np.float32)
        batch, _ = self._preprocessor.prepare(pictures)
        return probabilities.decode(self._session.run(batch)[0].astype(np.float32, copy=False))


class ClipClassifier:
    """Clips in, probabilities out. Keeps no state between calls, and is safe for threads."""

    def __init__(self, session: ModelSession, entry: ModelEntry) -> None:
        self.model = entry.name
        self.labels = entry.labels
        self._session = session
        self._is_time_first = entry.input.layout == "NTCHW"
        self._preprocessor = Preprocessor(entry.input, session)
        length = entry.input.shape[entry.input.layout.index("T")]
        if length is None:
            raise ModelError(f"Model {self.model} cannot be used: expected clips of a fixed number of frames.")
        self.length: int = length
        """Frames of a clip."""

    def classify(self, clips: Sequence[Sequence[Picture]]) -> FloatArray:
        """Probabilities (N, labels) of clips of `length` pictures (height, width, 3) uint8 BGR, oldest first.

        Raises:
            ValueError: a clip has another length, or a picture is no such array.
        """
        lengths = {len(clip) for clip in clips}
        if lengths - {self.length}:
            raise ValueError(f"expected clips of {self.length} pictures, got {sorted(lengths)}")
        pictures = [picture for clip in clips for picture in clip]
        check_pictures(pictures)
        if not pictures:
            return np.empty((0, len(self.labels)), np.float32)
        frames, _ = self._preprocessor.prepare(pictures)
        batch = frames.reshape(len(clips), self.length, *frames.shape[1:])
        if not self._is_time_first:
            batch = np.ascontiguousarray(batch.swapaxes(1, 2))
        return probabilities.decode(self._session.run(batch)[0].astype(np.float32, copy=False))
