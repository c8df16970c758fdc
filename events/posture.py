"""How a followed person stands or lies, and whether they got there by falling; from their boxes, sharpened by poses.

All lengths are in the person's own upright height, all times in seconds, so that neither the resolution, nor the
distance from the camera, nor the frame rate matters.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Self

from core.types import Box
from events.geometry import centre

UPRIGHT_SHAPE = 0.8
"""Most width / height of a person who stands, walks or sits on a chair."""

UPRIGHT_SHARE = 0.85
"""Least share of the own upright height at which a person is up."""

LOW_SHARE = 0.55
"""Most share of the own upright height of a person on the floor; sitting is about 0.7, crouching 0.6."""

LONG_SHARE = 0.7
"""The same for a box that is plainly longer than high: who fell from a chair was not much higher before."""

FLAT = 2.4
"""Flatness (`Person.flatness`) of 0.4 is standing, 1 sitting, 1.5 to 2 crouching, 3 to 9 lying: this is as much one as
the other of the last two."""

LYING_SHAPE = 1.3
"""Least width / height of a box that is plainly longer than high."""

SURE_SCORE = 0.5
"""Least mean score of a person found lying: furniture and heaps of clothes look a little like one, and never stood."""

QUICK_S = 0.9
"""Time from upright to low that a fall takes at most. Who takes longer, as one does on purpose, is believed less."""

LEAST_DROP = 0.3
"""Upright heights that the top of the box comes down in a fall. It does not where legs are hidden by furniture."""

UPRIGHT_TORSO_DEG = 35.0
"""Who is low with the torso upright squats, kneels or sits."""

UPRIGHT_TORSO_FACTOR = 0.4
"""What is left of the score of a fall then: the model of poses may be wrong, and the sensitivity decides."""

UPRIGHT_TORSO_LENGTH = 0.2
"""Least length of an upright torso, in upright heights. It is 0.29 of a body: one that looks shorter points towards the
camera or away from it, as that of somebody does who lies in the line of sight."""

UPENDED_SCORE = 0.8
"""Of a fall towards the camera that the pose shows, whatever the box says."""

LYING_TORSO_DEG = 60.0
"""Who is low with the torso nearer to level lies: half of what speaks against a fall goes."""

CONFIRM_S = 0.4
"""What is seen once may be a bad box: a posture is what most boxes of this time say."""

JITTER_S = 0.01
"""What the times of frames may be off."""

PATIENCE_S = 2.0
"""After the impact, the time within which a fall is confirmed or was none."""

REST_SPEED = 0.3
"""Upright heights a second that the top of somebody may still move who lies at the edge of the picture."""

LEAST_SPREAD = 0.6
"""Width, in upright heights, that somebody who falls at the edge reaches; who walks out below stays narrower."""

SURE_SPREAD = 0.9
"""Width, in upright heights, that nobody who walks out below has."""

GROWING_S, SHRINKING_S = 0.7, 3.0
"""Time constants with which the own height follows who comes nearer or goes away; slow against a fall."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A person on one frame."""

    at: float
    box: Box
    score: float
    is_cut: bool
    """Whether the lower edge of the picture cuts the box."""
    torso_deg: float | None = None
    """See `events.skeleton.torso_degrees`; None: no pose was looked for, or it was not seen."""
    torso_px: float | None = None
    """Its length, where the direction is known."""
    is_upended: bool = False
    """See `events.skeleton.is_upended`."""

    @property
    def width(self) -> float:
        """Pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        """Pixels."""
        return self.box[3] - self.box[1]

    @property
    def shape(self) -> float:
        """Width / height."""
        return self.width / self.height

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`."""
        x1, y1, x2, y2 = plain["box"]
        return cls(**{**plain, "box": (x1, y1, x2, y2)})


@dataclass(slots=True)
class Person:
    """What is known of the posture of one tracked person."""

    height: float | None = None
    """Own upright height in pixels, at the present distance from the camera; None: was not seen upright."""
    upright: Sight | None = None
    """When last seen upright."""
    low_since: float | None = None
    """First sight low, since then low most of the time."""
    spread: float = 0.0
    """Greatest width since then, in upright heights."""
    interval_s: float = 0.0
    """Time between sights, smoothed."""
    recent: list[Sight] = field(default_factory=list)
    """Those of the last `CONFIRM_S`, two at least."""

    def see(self, sight: Sight) -> None:
        """Add a sight, in order of time."""
        elapsed_s = max(0.0, sight.at - self.recent[-1].at) if self.recent else 0.0
        self.interval_s = elapsed_s if self.interval_s == 0 else 0.8 * self.interval_s + 0.2 * elapsed_s
        within = [s for s in self.recent if sight.at - s.at <= CONFIRM_S + JITTER_S]
        self.recent = [*(within or self.recent[-1:]), sight]
        self._learn_height(sight, elapsed_s)
        if self._is_up(sight):
            self.upright, self.low_since = sight, None
        elif self._is_low(sight):
            if self.low_since is None:
                self.low_since, self.spread = sight.at, 0.0
            if self.height:
                self.spread = max(self.spread, sight.width / self.height)
        elif not self.is_low:
            self.low_since = None

    @property
    def share(self) -> float:
        """Present height in upright heights, about 0.4 for somebody who lies; 1 where the upright height is unknown."""
        return median(s.height for s in self.recent) / self.height if self.height else 1.0

    @property
    def flatness(self) -> float:
        """Shape divided by share: grows with both signs of lying, wide and low."""
        return median(s.shape for s in self.recent) / self.share

    @property
    def length(self) -> float:
        """Pixels from head to feet, as far as known."""
        return self.height or max(self.recent[-1].width, self.recent[-1].height)

    @property
    def down_score(self) -> float:
        """How surely the person lies, 0 to 1."""
        return lying_score(self.flatness) if self.height else median(s.score for s in self.recent)

    @property
    def is_low(self) -> bool:
        """Whether most recent sights show a person on the floor."""
        return sum(self._is_low(s) for s in self.recent) * 2 > len(self.recent)

    @property
    def is_up(self) -> bool:
        """Whether all recent sights show a person upright: somebody who fell got up again."""
        return all(self._is_up(s) for s in self.recent)

    def fall_score(self, *, is_last: bool = False) -> float:
        """How surely the person has just fallen, 0 to 1; 0 where something speaks against a fall.

        Args:
            is_last: no more frames come, half the confirmation must do.
        """
        if self.height is None or self.upright is None or self.low_since is None or not self.is_low:
            return 0.0
        low_s = self.recent[-1].at - self.low_since
        confirm_s = CONFIRM_S / 2 if is_last else CONFIRM_S
        drop = median(s.box[1] for s in self.recent) - self.upright.box[1]
        is_fall = (
            confirm_s - JITTER_S <= low_s <= PATIENCE_S
            and len(self.recent) > 1
            and (drop >= LEAST_DROP * self.height or self.is_upended)
            and (not self.recent[-1].is_cut or self._lies_at_the_edge(self.height))
        )
        fall_s = self.low_since - self.upright.at - self.interval_s
        if not is_fall:
            return 0.0
        return self._with_torso(lying_score(self.flatness)) * (QUICK_S / max(fall_s, QUICK_S)) ** 2

    @property
    def torso_deg(self) -> float | None:
        """What most poses of the recent sights say; None: fewer than two were seen."""
        seen = [s.torso_deg for s in self.recent if s.torso_deg is not None]
        return median(seen) if len(seen) > 1 else None

    @property
    def is_upended(self) -> bool:
        """Whether most recent sights show the head nearer to the camera than the feet, on the floor."""
        return sum(s.is_upended for s in self.recent) * 2 > len(self.recent)

    def _with_torso(self, score: float) -> float:
        """The score, once the direction of the torso is taken into account, where it is known."""
        torso_deg = self.torso_deg
        if self.is_upended:
            return max(score, UPENDED_SCORE)
        if torso_deg is None:
            return score
        if torso_deg <= UPRIGHT_TORSO_DEG:
            return score * UPRIGHT_TORSO_FACTOR if self._shows_its_torso() else score
        return 1 - (1 - score) / 2 if torso_deg >= LYING_TORSO_DEG else score

    def _shows_its_torso(self) -> bool:
        """Whether the torso is seen in its full length, rather than along the line of sight."""
        seen = [s.torso_px for s in self.recent if s.torso_px is not None]
        return bool(seen) and self.height is not None and median(seen) >= UPRIGHT_TORSO_LENGTH * self.height

    def _lies_at_the_edge(self, height: float) -> bool:
        """Whether somebody whom the lower edge cuts lies there, rather than walks out below."""
        now = self.recent[-1]
        settling = [s for s in self.recent[:-1] if now.at - s.at <= CONFIRM_S / 2 + JITTER_S] or self.recent[-2:-1]
        tops = [s.box[1] for s in (*settling, now)]
        is_at_rest = max(tops) - min(tops) <= REST_SPEED * height * (now.at - settling[0].at)
        is_long = median(s.width for s in self.recent) >= SURE_SPREAD * height
        return is_long or (is_at_rest and self.spread >= LEAST_SPREAD)

    def _is_up(self, sight: Sight) -> bool:
        if self.height is None or sight.is_upended:
            return False
        return sight.shape <= UPRIGHT_SHAPE and sight.height >= UPRIGHT_SHARE * self.height

    def _is_low(self, sight: Sight) -> bool:
        if self.height is None:
            return sight.shape >= LYING_SHAPE and sight.score >= SURE_SCORE
        share = sight.height / self.height
        is_long = sight.shape >= LYING_SHAPE and not sight.is_cut
        most = LONG_SHARE if is_long else LOW_SHARE
        return sight.is_upended or (share <= most and sight.shape / share >= FLAT)

    def _learn_height(self, sight: Sight, elapsed_s: float) -> None:
        if sight.shape > UPRIGHT_SHAPE or sight.is_upended:
            return
        if self.height is None:
            self.height = sight.height
            return
        gain = 1 - math.exp(-elapsed_s / (GROWING_S if sight.height > self.height else SHRINKING_S))
        self.height += gain * (sight.height - self.height)

    def as_json(self) -> dict[str, Any]:
        """A copy made of JSON's types."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        recent = [Sight.from_json(s) for s in plain["recent"]]
        upright = plain["upright"] and Sight.from_json(plain["upright"])
        return cls(**{**plain, "recent": recent, "upright": upright})


def lying_score(flatness: float) -> float:
    """0 to 1, 0.5 at `FLAT`."""
    return flatness**2 / (flatness**2 + FLAT**2)


def are_near(one: Person, other: Person) -> bool:
    """Whether they may be the same person, split in two by the detector: not even a body's length apart."""
    distance = math.dist(centre(one.recent[-1].box), centre(other.recent[-1].box))
    return distance <= max(one.length, other.length)
