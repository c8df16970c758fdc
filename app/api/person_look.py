"""What persons in an uploaded picture look like."""

from __future__ import annotations

import threading

from core.settings import Settings
from core.types import Detection, Picture
from inference.catalogue import ModelStore
from inference.recognisers.reid import ReidRecogniser, build_reid_recogniser


class PersonLook:
    """The ReID models of this process, loaded when first asked for; one picture at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._recogniser: ReidRecogniser | None = None
        self._lock = threading.Lock()

    def persons_in(self, picture: Picture) -> tuple[Detection, ...]:
        """See `ReidRecogniser.persons_in`. On the CPU, so that requests take no GPU from the cameras.

        Raises:
            CamrecError: a model is missing or broken.
        """
        with self._lock:
            if self._recogniser is None:
                self._recogniser = build_reid_recogniser(ModelStore(self._settings.models_dir), gpu=None, threads=1)
            return self._recogniser.persons_in(picture)
