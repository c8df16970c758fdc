"""The recognisers of one kind in a worker: the installation's, and those of cameras that have chosen other models."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from core.errors import CamrecError
from inference.gpu import DeviceError
from storage.model_choices import Choice
from tasks.recogniser_in_use import RecogniserInUse

log = logging.getLogger(__name__)

MOST_CHOICES = 8
"""Recognisers of one kind in one worker: each has its models in memory."""

NO_CHOICE: Choice = ()


class CameraRecognisers:
    """Tells which recogniser a camera's frames go to. Safe for threads: what is looked up is exchanged, not changed."""

    def __init__(
        self, kind: str, make: Callable[[Choice], RecogniserInUse], choices: Callable[[], Mapping[int, Choice]]
    ) -> None:
        """Make the installation's recogniser, and those of the cameras.

        Args:
            kind: of recognition.
            make: a recogniser of these models.
            choices: cameras that have chosen models, as they are now.

        Raises:
            DeviceError: the GPU that was asked for cannot be used for the installation's models. Where it cannot for a
                camera's own, only that camera waits.
        """
        self.kind = kind
        self.usual = make(NO_CHOICE)
        """For cameras that have chosen nothing."""
        if isinstance(self.usual.failure, DeviceError):
            raise self.usual.failure
        self.waiting: dict[int, str] = {}
        """Cameras whose choice cannot be used, and why; they go on with what they had, or with what all others have."""
        self._make = make
        self._choices = choices
        self._chosen: dict[Choice, RecogniserInUse] = {}
        self._of: dict[int, RecogniserInUse] = {}
        self._is_blind = False
        self._follow_choices()

    def of(self, camera_id: int) -> RecogniserInUse:
        """Where this camera's frames go now."""
        return self._of.get(camera_id, self.usual)

    def refresh(self) -> None:
        """Exchange what has changed, in the models folder and in what cameras have chosen."""
        for in_use in (self.usual, *self._chosen.values()):
            in_use.refresh()
        self._follow_choices()

    def _follow_choices(self) -> None:
        try:
            choices = self._choices()
        except CamrecError as error:
            if not self._is_blind:
                log.warning("%s: models of single cameras cannot be read, the last known stay: %s", self.kind, error)
            self._is_blind = True
            return
        self._is_blind = False
        # Those in use first: one more must not take a camera's models away.
        wanted = sorted(set(choices.values()), key=lambda choice: (choice not in self._chosen, choice))
        self._chosen = {c: self._chosen.get(c) or self._make(c) for c in wanted[:MOST_CHOICES]}
        of: dict[int, RecogniserInUse] = {}
        waiting: dict[int, str] = {}
        for camera_id, choice in choices.items():
            chosen = self._chosen.get(choice)
            if chosen is not None and chosen.current is not None:
                of[camera_id] = chosen
                continue
            waiting[camera_id] = _why(chosen)
            of[camera_id] = self._of.get(camera_id, self.usual)
        self._of, self.waiting = of, waiting


def _why(chosen: RecogniserInUse | None) -> str:
    if chosen is None or chosen.missing is None:
        return f"More than {MOST_CHOICES} combinations of models are chosen for cameras: choose fewer."
    return chosen.missing
