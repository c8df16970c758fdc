"""One vehicle's plate, followed over the frames of a camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from core.types import Box, Detection, FrameRef
from events.geometry import area, is_cut
from events.votes import Ballot, Votes, similarity

SAME_PLATE = 0.8
"""Similarity from which two texts are the same plate wherever they are: 1 of 5 to 9 characters wrong."""

MOST_STEP_S = 1.0
"""What a frame without the plate counts at most: frames are rare while nothing moves, and one bad one is no proof."""

AGREEING_READINGS = 2

VERY_GOOD_SCORE = 0.9
"""Score with which a single reading is enough."""

CUT_PLATE_WEIGHT = 0.1
"""What the reading of a plate at the picture's edge counts against one that is seen whole: characters are missing."""

CLEARLY_BETTER = 1.4
"""Growth of area x score that is worth another snapshot; a car that comes near is then told about ten times at most."""


@dataclass(frozen=True, slots=True)
class BestPicture:
    """The frame that shows the plate best."""

    frame: FrameRef
    box: Box
    is_whole: bool
    quality: float
    """Area in square pixels times score."""

    def is_clearly_better_than(self, other: BestPicture) -> bool:
        """Whole before cut; else by quality."""
        if self.is_whole != other.is_whole:
            return self.is_whole
        return self.quality >= CLEARLY_BETTER * other.quality

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`."""
        x1, y1, x2, y2 = plain["box"]
        return cls(FrameRef(**plain["frame"]), (x1, y1, x2, y2), plain["is_whole"], plain["quality"])


@dataclass(slots=True)
class PlateTrack:
    """What is known of one plate. It may never become an event: a road sign, one bad reading."""

    id: str
    started_at: float
    seen_at: float
    box: Box
    """Where it was last seen."""
    votes: Votes = field(default_factory=Votes)
    unseen_s: float = 0.0
    """How long frames came without it."""
    seen_frames: int = 0
    readings: int = 0
    """Frames in which it had a text."""
    best: BestPicture | None = None
    text: str = ""
    score: float = 0.0
    is_valid: bool = False
    """Whether the votes ever gave a text that is long and sure enough; `text` and `score` are the last such."""
    is_event: bool = False
    ended: bool = False
    told_lists: list[int] = field(default_factory=list)
    """Ids of the site's lists for which a hit was told."""

    @classmethod
    def open(cls, track_id: str, at: float) -> Self:
        """A track that has not seen anything yet."""
        return cls(id=track_id, started_at=at, seen_at=at, box=(0.0, 0.0, 0.0, 0.0))

    def see(self, reading: Detection, frame: FrameRef) -> None:
        """Add one frame's reading, whose text is normalised and may be empty."""
        self.seen_at = frame.captured_at
        self.unseen_s = 0.0
        self.box = reading.box
        self.seen_frames += 1
        self.ended = False
        if not reading.text:
            return
        self.readings += 1
        is_whole = not is_cut(reading.box, frame.width, frame.height)
        self.votes.add(reading.text, reading.score, weight=reading.score**2 * (1.0 if is_whole else CUT_PLATE_WEIGHT))
        if similarity(reading.text, self.votes.result()[0]) < SAME_PLATE:
            return
        picture = BestPicture(frame, reading.box, is_whole, area(reading.box) * reading.score)
        if self.best is None or picture.is_clearly_better_than(self.best):
            self.best = picture

    def miss(self, step_s: float) -> None:
        """A frame came without it, so long after the one before."""
        self.unseen_s += min(step_s, MOST_STEP_S)

    def judge(self, min_score: float, min_length: int, fold: Callable[[str], str]) -> None:
        """Take over the voted text if it is good enough, and become an event once enough readings agree on it.

        Args:
            min_score: of the text, after the vote.
            min_length: of the text.
            fold: puts confused characters right; after the vote, so that a wrong reading cannot win by looking right.
        """
        text, score = self.votes.result()
        if len(text) < min_length or score < min_score or self.best is None:
            return
        self.is_valid, self.text, self.score = True, fold(text), score
        if self.votes.agreeing(text, SAME_PLATE) >= AGREEING_READINGS:
            self.is_event = True

    def end(self) -> None:
        """It is not seen any more: one very good reading must do, if there is no second."""
        self.ended = True
        if self.is_valid and self.score >= VERY_GOOD_SCORE:
            self.is_event = True

    def face(self) -> tuple[bool, bool, str, FrameRef | None]:
        """What a person sees of it; when this changes, it is worth telling."""
        return self.is_event, self.ended, self.text, self.best.frame if self.best else None

    def details(self) -> dict[str, Any]:
        """What the event tells besides its text."""
        return {
            "readings": self.readings,
            "seen_frames": self.seen_frames,
            "alternatives": [
                {"text": text, "score": round(score, 4)} for text, score in self.votes.alternatives(self.text)
            ],
        }

    def as_json(self) -> dict[str, Any]:
        """A copy made of JSON's types."""
        plain = asdict(self)
        plain["box"] = list(self.box)
        if self.best is not None:
            plain["best"]["box"] = list(self.best.box)
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        x1, y1, x2, y2 = plain["box"]
        ballots = {text: Ballot(**ballot) for text, ballot in plain["votes"]["ballots"].items()}
        best = plain["best"] and BestPicture.from_json(plain["best"])
        return cls(**{**plain, "box": (x1, y1, x2, y2), "votes": Votes(ballots), "best": best})
