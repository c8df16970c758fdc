"""The plate models and pictures that the benchmarks share, and the models' bare work on a picture."""

from __future__ import annotations

import sys
from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.report import SHARED_DATA
from core.types import Picture
from inference.catalogue import ModelStore, entry_of
from inference.recognisers.plate_finder import PlateFinder
from inference.roles import ROLES
from inference.session import ModelSession, open_session
from inference.text.model import padded_width
from inference.text.reader import HEIGHT, strip_width

DETECTOR, TEXT = ROLES["plates.detector"].default, ROLES["plates.text"].default
EU = SHARED_DATA / "plates" / "eu"


def store_with_detector() -> ModelStore:
    """The models, the plate detector among them; ends the program where there is none."""
    store = ModelStore(SHARED_DATA / "models")
    if not (EU.is_dir() and store.has(DETECTOR)):
        sys.exit(f"This benchmark needs {EU} and {store.models_dir}.")
    return store


def pictures() -> dict[str, Picture]:
    """European cars by file name."""
    found: dict[str, Picture] = {}
    for path in sorted(EU.glob("*.jpg")):
        picture = cv2.imread(str(path))
        assert picture is not None, path
        found[path.name] = picture.astype(np.uint8, copy=False)
    return found


class BareModels:
    """``session.run`` of the plate detector and the text recogniser, on inputs that are ready."""

    def __init__(self, store: ModelStore, threads: int) -> None:
        def load(name: str) -> ModelSession:
            return open_session(store.path_of(name), gpu=None, threads=threads)

        self._detector = load(DETECTOR)
        self._recogniser = load(TEXT)
        self._finder = PlateFinder(self._detector)
        shape = [size or 1 for size in entry_of(DETECTOR).input.shape]
        self._input = np.random.default_rng(0).random(shape, np.float32)

    def work_on(self, picture: Picture) -> Callable[[], None]:
        """One run of the detector and one of the recogniser, at the width of the picture's best plate."""
        found = self._finder.find([picture])[0]
        line = None
        if found:
            width = padded_width(strip_width(found[0].corners))
            line = np.random.default_rng(0).random((1, 3, HEIGHT, width), np.float32)

        def run() -> None:
            self._detector.run(self._input)
            if line is not None:
                self._recogniser.run(line)

        return run
