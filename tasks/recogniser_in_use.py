"""The recogniser of one kind in a running worker: exchanged when models come or are chosen; it may be missing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

from core.errors import CamrecError
from inference.recognisers import Recogniser

log = logging.getLogger(__name__)

POLL_S = 2.0


class RecogniserInUse:
    """Batches take `current` once and run it to their end, so that an exchange costs no frame."""

    def __init__(self, kind: str, build: Callable[[], Recogniser], models_state: Callable[[], Hashable]) -> None:
        """Build it, unless a model is missing or broken.

        Args:
            kind: of recognition, for the log.
            build: a new recogniser of the models that there are now.
            models_state: changes whenever `build` would make another recogniser, or may succeed at last.
        """
        self.kind = kind
        self.current: Recogniser | None = None
        """None while a model is missing, or cannot be loaded on the device."""
        self.failure: CamrecError | None = None
        """Why there is none; its text holds what helps."""
        self._build = build
        self._models_state = models_state
        self._seen: Hashable = None
        self.refresh()

    @property
    def missing(self) -> str | None:
        """Why there is none, with the command that helps."""
        return None if self.failure is None else str(self.failure)

    def refresh(self) -> None:
        """Exchange the recogniser if the models have changed; where the new one fails, the old one stays."""
        state = self._state()
        if state == self._seen:
            return
        # Taken before building: what changes meanwhile is seen next time.
        self._seen = state
        try:
            recogniser = self._build()
            recogniser.warm_up()
        except CamrecError as error:
            self._fail(error)
            return
        except Exception as error:  # whatever a file does to its loader: other choices must be followed all the same
            log.exception("%s: models not loaded", self.kind)
            self._fail(CamrecError(f"{type(error).__name__} while models were loaded: the worker's log says more."))
            return
        old, self.current, self.failure = self.current, recogniser, None
        if old is not None:
            log.info("%s: %s in place of %s", self.kind, recogniser.model, old.model)

    def _state(self) -> Hashable:
        try:
            return self._models_state()
        except (CamrecError, OSError) as error:
            return str(error)

    def _fail(self, error: CamrecError) -> None:
        if self.current is not None:
            log.error("%s goes on with %s: %s", self.kind, self.current.model, error)
            return
        self.failure = error
        log.error("model_missing: nothing is recognised for %s: %s", self.kind, error)


class Refreshable(Protocol):
    """Recognisers of a kind that follow what changes."""

    kind: str

    def refresh(self) -> None:
        """Look, and exchange what must be."""


class ModelsWatch:
    """Lets recognisers follow the models folder and what cameras have chosen, in a thread of its own."""

    def __init__(self, recognisers: Sequence[Refreshable]) -> None:
        self._recognisers = recognisers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="models-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join(POLL_S)

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            for recogniser in self._recognisers:
                try:
                    recogniser.refresh()
                except Exception:  # the watch must outlive whatever a file in the folder does to it
                    log.exception("%s: models not looked at", recogniser.kind)
