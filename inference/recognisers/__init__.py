"""Recognisers by kind: pictures in, detections out. Adding one is one file here and one row below."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.errors import CamrecError
from core.types import Detection
from inference.catalogue import ModelStore
from inference.gpu import Gpu
from inference.recognisers.falls import build_fall_recogniser, fall_models
from inference.recognisers.plates import build_plate_recogniser, plate_models
from inference.recognisers.reid import build_reid_recogniser, reid_models
from inference.recognisers.violence import build_violence_recogniser, violence_models


class UnknownRecognitionError(CamrecError):
    """There is no recogniser of this kind."""


class Recogniser(Protocol):
    """What every recogniser can do."""

    @property
    def model(self) -> str:
        """Names of the models in use."""

    def describe(self) -> str:
        """Which models are in use and how good they are, for people."""

    def recognise(self, frames: Sequence[Any]) -> list[tuple[Detection, ...]]:
        """For each picture, or each `Clip` where the recognition has a clip, its detections, best first."""

    def warm_up(self) -> None:
        """Recognise once, so that the first real frame does not pay for it."""


@dataclass(frozen=True, slots=True)
class RecogniserKind:
    """How one kind is made."""

    build: Callable[[ModelStore, Gpu | None, int], Recogniser]
    """Of the models there are, the GPU or None, and the CPU threads for one batch."""
    models: Callable[[ModelStore], tuple[str, ...]]
    """Names of the models that it uses, given those that there are."""


RECOGNISERS: dict[str, RecogniserKind] = {
    "plates": RecogniserKind(build_plate_recogniser, plate_models),
    "falls": RecogniserKind(build_fall_recogniser, fall_models),
    "violence": RecogniserKind(build_violence_recogniser, violence_models),
    "reid": RecogniserKind(build_reid_recogniser, reid_models),
}


def build_recogniser(kind: str, store: ModelStore, gpu: Gpu | None, threads: int) -> Recogniser:
    """The best recogniser of this kind that the models of the store allow.

    Args:
        kind: e.g. ``plates``.
        store: the models on this machine.
        gpu: the GPU to run on; None: the CPU.
        threads: CPU threads for one batch.

    Raises:
        CamrecError: there is no such kind, a model is missing or broken, or the GPU cannot be used.
    """
    if kind not in RECOGNISERS:
        raise UnknownRecognitionError(f"No recogniser of kind {kind!r}. Kinds: {', '.join(RECOGNISERS)}.")
    return RECOGNISERS[kind].build(store, gpu, threads)


def models_state(kind: str, store: ModelStore) -> Hashable:
    """Changes whenever `build_recogniser` would make another recogniser of this kind, or may succeed at last.

    Raises:
        CamrecError: it cannot be told which models it would use.
    """
    return tuple(store.state_of(name) for name in RECOGNISERS[kind].models(store))


def models_in_use(store: ModelStore) -> dict[str, tuple[str, ...]]:
    """Kind of recognition → names of the models that it would use now."""
    return {kind: known.models(store) for kind, known in RECOGNISERS.items()}
