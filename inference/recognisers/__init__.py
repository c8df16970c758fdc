"""Recognisers by kind: pictures in, detections out. Adding one is one file here and one row below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.errors import CamrecError
from core.types import Detection, Picture
from inference.catalogue import ModelStore
from inference.recognisers.plates import build_plate_recogniser, plate_models


class UnknownRecognitionError(CamrecError):
    """There is no recogniser of this kind."""


class Recogniser(Protocol):
    """What every recogniser can do."""

    @property
    def model(self) -> str:
        """Names of the models in use."""

    def describe(self) -> str:
        """Which models are in use and how good they are, for people."""

    def recognise(self, frames: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        """For each picture its detections, best first."""

    def warm_up(self) -> None:
        """Recognise once, so that the first real frame does not pay for it."""


@dataclass(frozen=True, slots=True)
class RecogniserKind:
    """How one kind is made."""

    build: Callable[[ModelStore, int | None, int], Recogniser]
    """Of the models there are, the number of a GPU or None, and the CPU threads for one batch."""
    models: Callable[[ModelStore], tuple[str, ...]]
    """Names of the models that it uses, given those that there are."""


RECOGNISERS: dict[str, RecogniserKind] = {
    "plates": RecogniserKind(build_plate_recogniser, plate_models),
}


def build_recogniser(kind: str, store: ModelStore, gpu: int | None, threads: int) -> Recogniser:
    """The best recogniser of this kind that the models of the store allow.

    Args:
        kind: e.g. ``plates``.
        store: the models on this machine.
        gpu: number of the GPU to run on; None: the CPU.
        threads: CPU threads for one batch.

    Raises:
        CamrecError: there is no such kind, a model is missing or broken, or the GPU cannot be used.
    """
    if kind not in RECOGNISERS:
        raise UnknownRecognitionError(f"No recogniser of kind {kind!r}. Kinds: {', '.join(RECOGNISERS)}.")
    return RECOGNISERS[kind].build(store, gpu, threads)


def models_in_use(store: ModelStore) -> dict[str, tuple[str, ...]]:
    """Kind of recognition → names of the models that it would use now."""
    return {kind: known.models(store) for kind, known in RECOGNISERS.items()}
