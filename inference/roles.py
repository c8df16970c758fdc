"""What recognitions need models for. Which model fills a role is chosen with `camrec models use KIND.ROLE NAME`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import CamrecError
from inference.decoders.formats import CLIP_CLASSES, DETECTION, EMBEDDING, FORMATS, PLATES, POSE, TEXT_RECOGNITION

PERSON_LABELS = ("person", "people", "pedestrian", "human")
"""What detectors call a person."""

VIOLENCE_LABELS = ("violence", "violent", "fight", "fighting", "assault")
"""What clip classifiers call violence."""


class UnknownRoleError(CamrecError):
    """A recognition has no such role."""


@dataclass(frozen=True, slots=True)
class Role:
    """A place in a recognition that a model fills."""

    kind: str
    """Of recognition."""
    name: str
    tasks: tuple[str, ...]
    """A model must do one of these to fill it."""
    default: str
    """The model that fills it unless another one is chosen."""
    labels: tuple[str, ...] = ()
    """A model must know one of these; none: whatever it knows."""

    @property
    def key(self) -> str:
        """As people write it: ``falls.person``."""
        return f"{self.kind}.{self.name}"

    def fault_of(self, decoder: str, labels: Sequence[str]) -> str | None:
        """Why a model with this decoder and these labels cannot fill it, if so."""
        fitting = [name for name, known in FORMATS.items() if known.task in self.tasks]
        if decoder not in fitting:
            return f"its decoder is {decoder}, expected one of {', '.join(fitting)}"
        if self.labels and not any(label.lower() in self.labels for label in labels):
            return f"none of its labels ({', '.join(labels) or 'it has none'}) is one of {', '.join(self.labels)}"
        return None


ROLES: dict[str, Role] = {
    role.key: role
    for role in (
        Role("plates", "detector", (PLATES,), "hyperlpr_y5fu_320x"),
        Role("plates", "text", (TEXT_RECOGNITION,), "ppocr_v6_rec_small"),
        Role("falls", "person", (DETECTION,), "yolox_nano_416", PERSON_LABELS),
        Role("falls", "pose", (POSE,), "movenet_lightning_192_int8"),
        Role("violence", "person", (DETECTION,), "yolox_nano_416", PERSON_LABELS),
        Role("violence", "clip", (CLIP_CLASSES,), "violence_motion", VIOLENCE_LABELS),
        Role("reid", "person", (DETECTION,), "yolox_nano_416", PERSON_LABELS),
        Role("reid", "embedding", (EMBEDDING,), "person-reid-retail-0248"),
    )
}


def role_of(key: str) -> Role:
    """The role that people write so.

    Raises:
        UnknownRoleError: there is none; the text names those that are.
    """
    if key not in ROLES:
        raise UnknownRoleError(f"No role {key!r}. Roles: {', '.join(ROLES)}.")
    return ROLES[key]
