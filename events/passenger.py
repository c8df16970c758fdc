"""One person who passes a camera: their best pictures, and who they were found to be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from core.embedding import Embedding
from core.sightings import Recognised
from core.types import Box, FrameRef

MAX_CROPS = 12
MAX_BESIDE = 32

CLEARLY_BETTER = 1.3
"""Growth of quality that is worth another snapshot."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture of the person; the quality of its embedding counts how much of them is in it, and how surely, too."""

    embedding: Embedding
    frame: FrameRef
    box: Box
    score: float
    """How surely it is a person."""

    def as_json(self) -> dict[str, Any]:
        """A copy made of JSON's types."""
        return {
            "embedding": self.embedding.as_json(),
            "frame": asdict(self.frame),
            "box": list(self.box),
            "score": self.score,
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        x1, y1, x2, y2 = plain["box"]
        frame = FrameRef(**plain["frame"])
        return cls(Embedding.from_json(plain["embedding"]), frame, (x1, y1, x2, y2), plain["score"])


@dataclass(slots=True)
class Passenger:
    """What is known of one person who passes."""

    started_at: float
    ended_at: float
    crops: list[Crop] = field(default_factory=list)
    """The best ones, at most one for each second: pictures of one moment say the same thing twice."""
    beside: list[str] = field(default_factory=list)
    """Passages seen on the same frame, the latest ones."""
    best: Crop | None = None
    """The picture to show."""
    recognised: Recognised | None = None

    def add(self, crop: Crop) -> None:
        """Keep a picture if it is the best of its second and one of the best of all."""
        if self.crops and self.crops[0].embedding.model != crop.embedding.model:
            self.crops.clear()  # the worker has another model now; what two models say cannot be mixed
        self.crops.append(crop)
        best: dict[int, Crop] = {}
        for one in sorted(self.crops, key=lambda c: -c.embedding.quality):
            best.setdefault(int(one.frame.captured_at - self.started_at), one)
        self.crops = list(best.values())[:MAX_CROPS]
        if self.best is None or crop.embedding.quality >= CLEARLY_BETTER * self.best.embedding.quality:
            self.best = crop

    def note_beside(self, passage_ids: Iterable[str]) -> None:
        """Others are on the same frame."""
        together = dict.fromkeys([*self.beside, *passage_ids])
        self.beside = list(together)[-MAX_BESIDE:]

    def as_json(self) -> dict[str, Any]:
        """A copy made of JSON's types."""
        return {
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "crops": [crop.as_json() for crop in self.crops],
            "beside": list(self.beside),
            "best": self.best and self.best.as_json(),
            "recognised": self.recognised and {**asdict(self.recognised), "alike": list(self.recognised.alike)},
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        recognised = plain["recognised"]
        return cls(
            started_at=plain["started_at"],
            ended_at=plain["ended_at"],
            crops=[Crop.from_json(crop) for crop in plain["crops"]],
            beside=list(plain["beside"]),
            best=plain["best"] and Crop.from_json(plain["best"]),
            recognised=recognised and Recognised(**{**recognised, "alike": tuple(recognised["alike"])}),
        )
